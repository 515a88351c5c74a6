import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Connections } from '@sluice/shared/connections/connections'
import { createHttpServer } from '@sluice/shared/http/http-server'
import { Running } from '@sluice/shared/app/running'
import { until } from '@sluice/shared/testing/until'
import { leave } from '../../src/start/leave.ts'

class WatchedConnections extends Connections {
  /** How often somebody has asked for those without a request. */
  looks = 0

  override get unasked(): number {
    this.looks++
    return super.unasked
  }
}

test('a host that stops waits for requests on connections that are already open', async () => {
  const connections = new WatchedConnections({ limit: 10 })
  const running = new Running(connections)
  const server = createHttpServer((_, outgoing) => outgoing.end(String(running.isLeaving)), {
    headerTimeout: 60_000,
    keepAliveTimeout: 60_000,
  })
  connections.watch(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  await until('the connection', () => connections.size === 1)
  let hasLeft = false
  const left = leave(running, connections, new AbortController().signal).then(() => (hasLeft = true))
  await until('it to have looked for them', () => connections.looks > 2)
  const hadLeft = hasLeft
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the answer', () => received.endsWith('true'))
  await left
  assert.equal(hadLeft, false)
  socket.destroy()
  server.close()
})

test('no client delays the stop for long, and a second signal ends the wait', async () => {
  const connections = { unasked: 1 } as Connections
  const running = new Running(new Connections({ limit: 10 }))
  const hurry = new AbortController()
  const left = leave(running, connections, hurry.signal)
  hurry.abort()
  await left
  assert.equal(running.isLeaving, true)
})

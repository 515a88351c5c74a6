import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { Running } from '../../src/app/running.ts'
import { Connections } from '../../src/connections/connections.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'

test('a request whose connection is gone, and whose work is not over, does not end the process that drains', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const running = new Running(new Connections({ limit: 10 }))
  const gone = { incoming: { socket: null }, outgoing: { headersSent: true } } as unknown as Exchange
  const entered = running.enter(gone)
  const drained = running.drain(server, 60_000, new AbortController().signal)
  entered[Symbol.dispose]()
  assert.equal(await drained, 0)
})

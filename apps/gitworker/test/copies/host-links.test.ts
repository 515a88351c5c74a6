import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { askHost } from '../../src/copies/link/ask-host.ts'
import { HostLinks } from '../../src/copies/link/host-links.ts'

test('the kernel looks after connections to other hosts: one that has lost its power is not waited for without end', async (t) => {
  const set = t.mock.method(Socket.prototype, 'setKeepAlive')
  const server = createServer((incoming, outgoing) => void incoming.resume().on('end', () => outgoing.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  using links = new HostLinks({ secret: undefined, tls: undefined })
  try {
    for (const isKept of [false, true]) {
      set.mock.resetCalls()
      const sent = links.post({ kind: 'tcp', host: '127.0.0.1', port }, '/', new AbortController().signal, isKept)
      sent.end()
      await once(sent, 'response').then(([reply]) => (reply as NodeJS.ReadableStream).resume())
      assert.ok(set.mock.calls.some(({ arguments: [isOn, ms] }) => isOn === true && ms! <= 10_000))
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test('a host that is asked when nobody wants to know any more is no error of this one', async () => {
  using links = new HostLinks({ secret: undefined, tls: undefined })
  const ask = askHost(links, 'two', () => ({ kind: 'tcp', host: '127.0.0.1', port: 1 }))
  const asked = ask('/', { repository: 'r', term: 7, primary: 'one' }, {}, AbortSignal.abort())
  await assert.rejects(asked, /abort/)
  // The request says so only now. With no listener, that would end the process.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
})

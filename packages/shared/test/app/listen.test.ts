import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatAddress } from '../../src/network/address.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { listen } from '../../src/app/listen.ts'
import { temporaryFolder } from '../../testing/folder.ts'
import { ask } from '../../testing/http.ts'

const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const

test('two servers share the connections to one port if both ask for it, and only then', async () => {
  await using started = new AsyncDisposableStack()
  const serverThatSays = (name: string) => {
    const server = createServer((_, outgoing) => outgoing.end(name))
    started.defer(() => void server.close())
    return server
  }
  const address = await listen(serverThatSays('one'), anyPort, 'A', { reusePort: true })
  await assert.rejects(listen(serverThatSays('alone'), address, 'A'), ConfigError)
  await listen(serverThatSays('other'), address, 'A', { reusePort: true })
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(formatAddress(address), '/')))
  assert.deepEqual(new Set(answers.map(({ body }) => body)), new Set(['one', 'other']))
})

test('only owner and group may connect to a socket, from the first moment on, whatever the umask', async (t) => {
  await using folder = await temporaryFolder()
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  const path = join(folder.path, 'socket')
  const server = createServer()
  t.after(() => server.close())
  let first = -1
  server.on('listening', () => (first = statSync(path).mode & 0o777))
  await listen(server, { kind: 'unix', path }, 'A')
  assert.equal(first, 0o660)
  assert.equal(process.umask(), 0)
})

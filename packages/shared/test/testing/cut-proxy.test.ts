import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { openCutProxy } from '@sluice/shared/testing/cut-proxy'
import { target } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'

/** A server that sends back what it gets. */
async function openEcho() {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A client that remembers what it has heard. */
function call(address: string) {
  const socket = connect(target(address)).on('error', () => {})
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  return { socket, heard: () => Buffer.concat(heard).toString() }
}

test('a proxy that is cut passes nothing, closes nothing, and goes on when it is mended', async () => {
  await using echo = await openEcho()
  await using proxy = await openCutProxy()
  proxy.leadTo(echo.address)
  const early = call(proxy.address)
  early.socket.write('one')
  await until('an echo', () => early.heard() === 'one')

  proxy.cut()
  early.socket.write(' two')
  const late = call(proxy.address)
  await once(late.socket, 'connect')
  late.socket.write('three')
  await until('a second connection', () => proxy.connections === 2)
  // Whoever asks the server itself gets its answer meanwhile.
  const direct = call(echo.address)
  direct.socket.write('four')
  await until('an echo of the server', () => direct.heard() === 'four')
  assert.deepEqual(
    [early.heard(), late.heard(), early.socket.destroyed, late.socket.destroyed],
    ['one', '', false, false],
  )

  proxy.mend()
  await until('all echoes', () => early.heard() === 'one two' && late.heard() === 'three')
  late.socket.end()
  await once(late.socket, 'close')
  for (const { socket } of [early, direct]) socket.destroy()
})

test('a proxy that is cut for some passes what others say', async () => {
  await using echo = await openEcho()
  await using proxy = await openCutProxy()
  proxy.leadTo(echo.address)
  const [cutEarly, early] = [call(proxy.address), call(proxy.address)]
  cutEarly.socket.write('cut')
  early.socket.write('one')
  await until('echoes', () => cutEarly.heard() === 'cut' && early.heard() === 'one')

  proxy.cutWhere((first) => first.startsWith('cut'))
  const [cutLate, late] = [call(proxy.address), call(proxy.address)]
  for (const { socket } of [cutEarly, cutLate]) socket.write('cut later')
  for (const { socket } of [early, late]) socket.write(' two')
  await until('echoes of the others', () => early.heard() === 'one two' && late.heard() === ' two')
  assert.deepEqual([cutEarly.heard(), cutLate.heard()], ['cut', ''])

  proxy.mend()
  await until('all echoes', () => cutEarly.heard() === 'cutcut later' && cutLate.heard() === 'cut later')
  late.socket.write(' three')
  await until('one more', () => late.heard() === ' two three')
  for (const { socket } of [cutEarly, early, cutLate, late]) socket.destroy()
})

test('a proxy that holds what comes back lets what is sent pass, of connections old and new', async () => {
  const received: string[] = []
  await using server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk.toString())
      socket.write(chunk)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using proxy = await openCutProxy()
  proxy.leadTo(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  const early = call(proxy.address)
  early.socket.write('held')
  await until('an echo', () => early.heard() === 'held')

  proxy.cutInwardWhere((first) => first.startsWith('held'))
  const [late, other] = [call(proxy.address), call(proxy.address)]
  early.socket.write(' early')
  late.socket.write('held late')
  await until('both to arrive', () => received.includes(' early') && received.includes('held late'))
  other.socket.write('other')
  await until('an echo of what does not fit', () => other.heard() === 'other')
  assert.deepEqual([early.heard(), late.heard()], ['held', ''])

  proxy.mend()
  await until('all echoes', () => early.heard() === 'held early' && late.heard() === 'held late')
  for (const { socket } of [early, late, other]) socket.destroy()
})

test('a side that leaves while the proxy is cut is missed only once it is mended', async () => {
  await using echo = await openEcho()
  await using proxy = await openCutProxy()
  proxy.leadTo(echo.address)
  const client = call(proxy.address)
  client.socket.write('one')
  await until('an echo', () => client.heard() === 'one')
  proxy.cut()
  client.socket.resetAndDestroy()
  await using other = await openEcho()
  proxy.leadTo(other.address)
  const direct = call(echo.address)
  direct.socket.write('two')
  await until('an echo of the server', () => direct.heard() === 'two')
  assert.equal(echo.sockets.size, 2)
  direct.socket.destroy()
  proxy.mend()
  await until('the connection to end', () => echo.sockets.size === 0)
})

test('a proxy that leads nowhere, or to nobody, ends what comes', async () => {
  await using proxy = await openCutProxy()
  const nowhere = call(proxy.address)
  await once(nowhere.socket, 'close')
  const gone = await openEcho()
  await gone[Symbol.asyncDispose]()
  proxy.leadTo(gone.address)
  const nobody = call(proxy.address)
  await once(nobody.socket, 'close')
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

/** Renames from one host to another that break off in the middle: nothing is lost, and the answer says what is where. */

let hosts: HostsInProcess
let work: string
const parts = new AsyncDisposableStack()

/** What the way to the host `two` does with what passes. Awaited, so that it can hold it back. */
let tap: (chunk: string, cut: () => void) => Promise<void> | void = () => {}

before(async () => {
  hosts = parts.use(await openHostsInProcess({ SLUICE_LEASE: '5s' }))
  const [port, wayPort] = [await freePort(), await freePort()]
  await hosts.start('one')
  parts.use(await openWay(wayPort, port))
  await hosts.start('two', { SLUICE_SUPERVISOR: `127.0.0.1:${port}`, SLUICE_HOST_ADDRESS: `127.0.0.1:${wayPort}` })
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 20)
})

afterEach(() => {
  tap = () => {}
})

after(() => parts.disposeAsync())

/** A way over which one host reaches another, and which the test can cut. */
async function openWay(port: number, to: number): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: to })
    const cut = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', cut).on('close', cut)
    }
    const pass = async (from: Socket, into: Socket) => {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await tap(chunk.toString('latin1'), cut)
        if (!into.destroyed) into.write(chunk)
      }
      into.end()
    }
    pass(near, far).catch(cut)
    pass(far, near).catch(cut)
  })
  server.listen(port, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}

type Renaming = { readonly answer: Promise<string>; readonly leave: () => void }

function rename(from: string, to: string): Renaming {
  const socketPath = join(hosts.folder, 'run-one', 'administration.sock')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const headers = { 'Content-Type': 'application/json' }
  const sent = request({ socketPath, method: 'POST', path: `/-/repositories/${from}/rename`, headers }, (reply) => {
    text(reply).then(resolve, reject)
  })
  sent.on('error', reject).end(JSON.stringify({ to }))
  promise.catch(() => {})
  return { answer: promise, leave: () => void sent.destroy() }
}

async function placeApart(from: string, to: string): Promise<string> {
  await hosts.place(from, { primary: 'one', copies: ['one'], inSync: ['one'] })
  await hosts.place(to, { primary: 'two', copies: ['two'], inSync: ['two'] })
  const url = hosts.urlOf('one', from)
  await git(work, ['push', '--quiet', url, 'main'])
  return url
}

async function untilNothingIsLeft(name: string): Promise<void> {
  const of = async () => (await readdir(hosts.rootOf('two'))).filter((one) => one.startsWith(name))
  await until('nothing of it to be left', async () => (await of()).length === 0)
  const notes = join(hosts.folder, 'run-two', 'created')
  await until('no note to be left', async () => (await readdir(notes)).length === 0)
}

const isReady = (chunk: string) => chunk.includes('{"ready":true}')
const isFinished = (chunk: string) => chunk.startsWith('{"digest"') || /\n\{"digest"/.test(chunk)

test('where a host is cut off before the new name is given, all is as it was', async () => {
  const url = await placeApart('cut-early', 'early')
  tap = (chunk, cut) => {
    if (isReady(chunk)) cut()
  }
  const { answer } = rename('cut-early', 'early')
  assert.match(await answer, /"operation_failed".*The host two does not take the repository, which is as it was/)
  await untilNothingIsLeft('early')
  await git(work, ['push', '--quiet', url, 'main:more'])
})

test('where an operator gives up, nothing is left', async () => {
  const url = await placeApart('given-up', 'up')
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  tap = async (chunk) => {
    if (!isReady(chunk)) return
    reached.resolve()
    await released.promise
  }
  const { answer, leave } = rename('given-up', 'up')
  await reached.promise
  await git(work, ['push', '--quiet', url, 'main:meanwhile'])
  leave()
  await assert.rejects(answer)
  released.resolve()
  await untilNothingIsLeft('up')
  await until('another operation to be possible', async () => {
    return !(await rename('given-up', 'given-up').answer).includes('repository_busy')
  })
  await git(work, ['push', '--quiet', url, 'main:after'])
})

test('where a host is cut off while the new name is given, both are there, and the answer says so', async () => {
  const url = await placeApart('cut-late', 'late')
  tap = async (chunk, cut) => {
    if (!isFinished(chunk)) return
    // It arrives.
    setImmediate(() => setImmediate(cut))
  }
  const said = await rename('cut-late', 'late').answer
  assert.match(
    said,
    /"half_renamed".*is as it was.*not known whether \\"late\\" was made on the host two.*Nothing is lost/,
  )
  await git(work, ['push', '--quiet', url, 'main:more'])
  await until('the other host to have gone on, or not', async () => {
    const names = (await readdir(hosts.rootOf('two'))).filter((one) => one.startsWith('late'))
    return names.length === 0 || names.join() === 'late.git'
  })
  assert.ok(existsSync(join(hosts.rootOf('one'), 'cut-late.git')))
})

test('where another host becomes primary of the old name meanwhile, it stays there with all of its pushes', async () => {
  const both = { copies: ['one', 'two'], inSync: ['one', 'two'] }
  await hosts.place('moving', { primary: 'one', ...both })
  await hosts.place('moved', { primary: 'two', copies: ['two'], inSync: ['two'] })
  await git(work, ['push', '--quiet', hosts.urlOf('one', 'moving'), 'main'])
  let isMoved = false
  tap = async (chunk) => {
    if (!isFinished(chunk) || isMoved) return
    isMoved = true
    await hosts.place('moving', { primary: 'two', ...both })
    await git(work, ['push', '--quiet', hosts.urlOf('two', 'moving'), 'main:acknowledged'])
  }
  const said = await rename('moving', 'moved').answer
  assert.ok(isMoved)
  assert.match(said, /"half_renamed".*\\"moved\\" is made on the host two, and \\"moving\\" is still there/)
  const left = await git(work, ['ls-remote', hosts.urlOf('two', 'moving')])
  assert.match(left, /refs\/heads\/acknowledged/)
})

test('only what is offered is given, and only to who knows its id', async () => {
  await placeApart('offered', 'not')
  const query = 'repository=offered&term=1&gift=0123456789abcdef0123456789abcdef'
  const answers = await Promise.all(
    ['objects', 'texts', 'lfs-page', 'lfs-object'].map(async (path) => {
      const url = hosts.urlOf('one', `-/copies/${path}?${query}`)
      return (await fetch(url, { method: 'POST' })).status
    }),
  )
  assert.deepEqual(answers, [421, 421, 421, 421])
  for (const body of ['', '{', '{"kind":"rename"}', 'x'.repeat(2_000_000)]) {
    const reply = await fetch(hosts.urlOf('two', '-/copies/given'), { method: 'POST', body }).catch(() => undefined)
    assert.ok(reply === undefined || reply.status >= 400, body.slice(0, 20))
  }
})

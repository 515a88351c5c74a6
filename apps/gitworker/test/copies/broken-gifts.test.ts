import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import type { Address } from '@sluice/shared/network/address'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { Supervisor } from '../../src/start/start.ts'
import { administer } from '../support/administer.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

/** Renames from one host to another that break off in the middle: nothing is lost, and the answer says what is where. */

let hosts: HostsInProcess
let work: string
let startTwo: () => Promise<void>
const parts = new AsyncDisposableStack()

/** What the way to the host `two` does with what passes. Awaited, so that it can hold it back. */
let tap: (chunk: string, cut: () => void) => Promise<void> | void = () => {}

before(async () => {
  hosts = parts.use(await openHostsInProcess())
  const program = join(hosts.folder, 'git')
  await writeFile(program, gitWithoutRoom(join(hosts.folder, 'full')), { mode: 0o755 })
  await hosts.start('one')
  let two: Supervisor | undefined
  const way = parts.use(await openWay(() => two?.address))
  startTwo = async () => {
    two = await hosts.start('two', { SLUICE_HOST_ADDRESS: way.address, SLUICE_GIT: program })
  }
  await startTwo()
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 20)
})

afterEach(() => {
  tap = () => {}
})

after(() => parts.disposeAsync())

/** Fetches nothing for as long as there is that file. */
function gitWithoutRoom(full: string): string {
  const said = 'fatal: write error: No space left on device'
  return `#!/bin/sh\ncase "$*" in *' copy') if [ -e ${full} ]; then echo '${said}' >&2; exit 128; fi ;; esac\nexec git "$@"\n`
}

/** A way over which one host reaches another, and which the test can cut. */
async function openWay(to: () => Address | undefined): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const address = to()
    const far = connect({ host: '127.0.0.1', port: address?.kind === 'tcp' ? address.port : 1 })
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
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
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

/** What the trash of a host has of a repository. */
async function trashOf(host: string, repository: string): Promise<unknown> {
  const { body } = await administer(join(hosts.folder, `run-${host}`), 'GET', 'trash')
  const { trash } = JSON.parse(body) as { trash: readonly { repository: string; isHere: boolean }[] }
  return trash.find((one) => one.repository === repository && one.isHere)
}

async function takesPushes(url: string): Promise<boolean> {
  return (await fetch(`${url}/info/refs?service=git-receive-pack`)).status === 200
}

const isMade = (chunk: string) => chunk.includes('{"made":true}')
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

test('where a host is cut off while the new name is given, the old one stays, and the other host moves what it has to its trash', async () => {
  const url = await placeApart('cut-late', 'late')
  tap = async (chunk, cut) => {
    if (!isMade(chunk)) return
    assert.ok(existsSync(join(hosts.rootOf('two'), 'late.git')))
    cut()
  }
  const said = await rename('cut-late', 'late').answer
  assert.match(said, /"operation_failed".*\\"cut-late\\" was not renamed. It is as it was, and takes pushes/)
  await git(work, ['push', '--quiet', url, 'main:more'])
  await untilNothingIsLeft('late')
  assert.ok(await trashOf('two', 'late'))
  tap = () => {}
  assert.match(await rename('cut-late', 'late').answer, /"result"/)
  assert.match(await git(work, ['ls-remote', hosts.urlOf('two', 'late')]), /refs\/heads\/more/)
})

test('where the disk of the other host is full, first or last, that is said, and nothing is left there', async () => {
  const url = await placeApart('large', 'no-room')
  const full = join(hosts.folder, 'full')
  for (const when of ['at first', 'at last'] as const) {
    if (when === 'at first') await writeFile(full, '')
    tap = async (chunk) => {
      if (when === 'at first' || !isReady(chunk) || existsSync(full)) return
      assert.ok(existsSync(join(hosts.rootOf('two'), 'no-room.git')))
      await git(work, ['push', '--quiet', url, 'main:meanwhile'])
      await writeFile(full, '')
    }
    assert.match(
      await rename('large', 'no-room').answer,
      /"disk_full".*The disk of the host two is full. Nothing was changed/,
    )
    await rm(full)
    await untilNothingIsLeft('no-room')
    assert.equal(await trashOf('two', 'no-room'), undefined)
    await git(work, ['push', '--quiet', url, `main:after-${when.slice(3)}`])
  }
})

test('where the other host gets something else than it was told, it is not renamed', async () => {
  const url = await placeApart('changing', 'changed')
  let isChanged = false
  tap = async (chunk) => {
    if (isReady(chunk)) await git(work, ['push', '--quiet', url, 'main:meanwhile'])
    if (!isFinished(chunk) || isChanged) return
    isChanged = true
    await git(join(hosts.rootOf('one'), 'changing.git'), ['update-ref', 'refs/heads/by-hand', 'main'])
  }
  assert.match(await rename('changing', 'changed').answer, /"operation_failed".*two says: It is not the same here/)
  await untilNothingIsLeft('changed')
  await git(work, ['push', '--quiet', url, 'main:after'])
})

test('until the old name is gone, the new one is read and takes no pushes; an operator may leave until it is made', async () => {
  const url = await placeApart('held', 'not-yet')
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  tap = async (chunk) => {
    if (!isMade(chunk)) return
    reached.resolve()
    await released.promise
  }
  const { answer, leave } = rename('held', 'not-yet')
  await reached.promise
  const newUrl = hosts.urlOf('two', 'not-yet')
  assert.match(await git(work, ['ls-remote', newUrl]), /refs\/heads\/main/)
  for (const service of ['info/refs?service=git-receive-pack', 'info/lfs/locks']) {
    const isLfs = service.startsWith('info/lfs')
    const headers = { 'Content-Type': 'application/vnd.git-lfs+json', 'Sluice-User': 'ann' }
    const body = JSON.stringify({ path: 'a.psd' })
    const reply = await fetch(`${newUrl}/${service}`, isLfs ? { method: 'POST', headers, body } : {})
    assert.equal(reply.status, 503, service)
    assert.match(await reply.text(), /takes no pushes until its old name is gone/)
  }
  await hosts.place('third', { primary: 'one', copies: ['one'], inSync: ['one'] })
  const { body } = await administer(join(hosts.folder, 'run-two'), 'POST', 'repositories/not-yet/rename', {
    to: 'third',
  })
  assert.match(body, /"repository_moving".*its old name is not gone yet/)
  leave()
  await assert.rejects(answer)
  await until('the old one to take pushes', () => takesPushes(url))
  released.resolve()
  await untilNothingIsLeft('not-yet')
  await git(work, ['push', '--quiet', url, 'main:after'])
})

test('where the word that the old name is gone does not come, the new one takes pushes all the same', async () => {
  await placeApart('unheard', 'opened')
  await hosts.place('unheard', { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] })
  await git(work, ['push', '--quiet', hosts.urlOf('one', 'unheard'), 'main:copied'])
  let isStillCopied: boolean | undefined
  tap = (chunk, cut) => {
    if (!chunk.includes('{"gone":true}')) return
    // A copy that had it could bring it back.
    isStillCopied = existsSync(join(hosts.rootOf('two'), 'unheard.git'))
    cut()
  }
  const said = await rename('unheard', 'opened').answer
  assert.match(said, /"result".*"isUnheard":true/)
  assert.equal(isStillCopied, false)
  assert.equal(existsSync(join(hosts.rootOf('one'), 'unheard.git')), false)
  await git(work, ['push', '--quiet', hosts.urlOf('one', 'unheard'), 'main:another'])
  const newUrl = hosts.urlOf('two', 'opened')
  await until('pushes to be taken', () => takesPushes(newUrl))
  await git(work, ['push', '--quiet', newUrl, 'main:more'])
  assert.equal(
    await git(join(hosts.rootOf('two'), 'opened.git'), ['config', '--get-all', 'sluice.givenFrom']).catch(() => ''),
    '',
  )
})

test('one that is deleted before its old name is gone takes pushes when it is restored', async () => {
  await placeApart('kept-long', 'restored')
  const asked = async (method: string, path: string, body?: object) =>
    JSON.parse((await administer(join(hosts.folder, 'run-two'), method, path, body)).body.trim().split('\n').at(-1)!)
  tap = async (chunk) => {
    if (isMade(chunk)) await asked('DELETE', 'repositories/restored')
  }
  assert.match(await rename('kept-long', 'restored').answer, /"result"/)
  tap = () => {}
  const { id } = (await trashOf('two', 'restored')) as { readonly id: string }
  const said = (await asked('POST', `trash/${id}/restore`, {})) as object
  assert.ok('result' in said || 'restored' in said, JSON.stringify(said))
  await until('pushes to be taken', () => takesPushes(hosts.urlOf('two', 'restored')))
})

test('a host that starts again finds what was not decided', async () => {
  const url = await placeApart('asleep', 'awake')
  const reached = Promise.withResolvers<void>()
  tap = async (chunk) => {
    if (!isMade(chunk)) return
    reached.resolve()
    await new Promise(() => {})
  }
  const { answer, leave } = rename('asleep', 'awake')
  answer.catch(() => {})
  await reached.promise
  await hosts.stop('two')
  tap = () => {}
  leave()
  await startTwo()
  await untilNothingIsLeft('awake')
  await git(work, ['push', '--quiet', url, 'main:after'])
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
  // Either host may find out first: this one removes what it has got as soon as it is the primary of the old name, too.
  assert.match(
    said,
    /"operation_failed".*(?:\\"moving\\" was not renamed.*Another host keeps it now|The host two says)/,
  )
  const left = await git(work, ['ls-remote', hosts.urlOf('two', 'moving')])
  assert.match(left, /refs\/heads\/acknowledged/)
  await untilNothingIsLeft('moved')
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

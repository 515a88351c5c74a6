import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { largeRepository } from '@sluice/shared/testing/requests'
import { stateOf } from '@sluice/shared/testing/processes'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'

/** An answer from a cache is what git would have answered, and no client can break what is shared. */

let stack: Stack
let repository: string

before(async () => {
  stack = await startStack()
  repository = join(stack.root, 'large.git')
  await largeRepository(repository)
  await until('the repository to be old enough', async () => {
    const id = `old-enough-${Date.now()}`
    await ask(stack.gateway.address, advertisement, { headers: { 'X-Request-Id': id } })
    return (await lineOf(id))['cache'] === 'references'
  })
})
after(() => stack[Symbol.asyncDispose]())

const v2 = { 'Git-Protocol': 'version=2' }
const advertisement = '/large.git/info/refs?service=git-upload-pack'

/** The line of a request in the supervisor's log. */
const lineOf = (id: string) => stack.supervisor.line((line) => line['requestId'] === id)

/** The body of a fetch of everything in protocol version 2. `hint` makes requests differ. */
function fetchBody(want: string, hint = 1): string {
  const args = [`want ${want}\n`, 'ofs-delta\n', `deepen ${1_000_000 + hint}\n`, 'done\n']
  return `${pktLine('command=fetch')}${pktLine('agent=test')}0001${args.map(pktLine).join('')}${flushPacket}`
}

async function beginClone(id: string, hint = 1): Promise<IncomingMessage> {
  const want = await git(repository, ['rev-parse', 'main'])
  const sent = request({
    ...target(stack.gateway.address),
    path: '/large.git/git-upload-pack',
    method: 'POST',
    agent: false,
    headers: { ...v2, 'Content-Type': 'application/x-git-upload-pack-request', 'X-Request-Id': id },
  })
  sent.on('error', () => {})
  sent.end(fetchBody(want, hint))
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.on('error', () => {})
  return reply
}

/** What is asked for a second time is kept from its first byte, so that others can join it however late they come. */
async function askOnce(hint: number): Promise<void> {
  const reply = await beginClone(`asked-${hint}`, hint)
  reply.destroy()
  await lineOf(`asked-${hint}`)
}

/** @returns a digest of all of a reply; rejects if it is cut */
async function digestOf(reply: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of reply) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** To a process that may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Waits for a process to be stopped. @returns whether it is: false if it has ended before */
async function hasStopped(pid: number): Promise<boolean> {
  let state: string | undefined
  await until(`process ${pid} to be stopped, or over`, async () => {
    state = await stateOf(pid)
    return state === undefined || 'TZX'.includes(state)
  })
  return state === 'T'
}

describe('references', () => {
  test('are listed without a git when nothing has changed, in every protocol version, with the same bytes', async () => {
    for (const headers of [{}, { 'Git-Protocol': 'version=1' }, v2]) {
      for (const service of ['upload-pack', 'receive-pack']) {
        const path = `/large.git/info/refs?service=git-${service}`
        const first = await ask(stack.gateway.address, path, { headers })
        const id = `second-${service}-${JSON.stringify(headers).length}`
        const second = await ask(stack.gateway.address, path, { headers: { ...headers, 'X-Request-Id': id } })
        assert.equal((await lineOf(id))['cache'], 'references')
        assert.equal(second.body, first.body)
        const { date: _d1, ...firstHeaders } = first.headers
        const { date: _d2, ...secondHeaders } = second.headers
        delete firstHeaders['transfer-encoding']
        delete secondHeaders['content-length']
        delete firstHeaders['content-length']
        assert.deepEqual(secondHeaders, firstHeaders)
      }
    }
  })

  test('are never stale: pushes through Sluice and changes on disk are seen by the very next request', async () => {
    const here = join(stack.root, 'changing.git')
    await mkdir(here)
    await git(here, ['init', '--quiet', '--bare', '.'])
    await importHistory(here, 5)
    const commits = (await git(here, ['rev-list', 'main'])).split('\n')
    const clone = join(stack.folder, 'changing')
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/changing.git`, clone])
    const url = `${stack.url}/changing.git`
    const changes: (() => Promise<unknown>)[] = [
      () => git(clone, ['push', '--quiet', '--force', url, `${commits[2]}:refs/heads/pushed`]),
      () => git(here, ['update-ref', 'refs/heads/loose', commits[1]!]),
      () => git(here, ['pack-refs', '--all']),
      () => git(here, ['symbolic-ref', 'HEAD', 'refs/heads/pushed']),
      () => git(clone, ['push', '--quiet', '--force', url, `${commits[3]}:refs/heads/pushed`]),
      () => git(here, ['config', 'transfer.hideRefs', 'refs/heads/loose']),
      () => git(here, ['update-ref', '-d', 'refs/heads/loose']),
      () => git(here, ['config', '--unset', 'transfer.hideRefs']),
      () => git(here, ['symbolic-ref', 'HEAD', 'refs/heads/main']),
      () => git(clone, ['push', '--quiet', url, ':refs/heads/pushed']),
      () => git(here, ['update-ref', 'refs/heads/pushed/below', commits[0]!]),
      () => writeFile(join(here, 'refs/heads/by-hand'), `${commits[4]}\n`),
      () => writeFile(join(here, 'refs/heads/by-hand'), `${commits[0]}\n`),
      () => git(here, ['gc', '--quiet']),
    ]
    let hits = 0
    for (const [round, change] of changes.entries()) {
      await until('the state before to be remembered', async () => {
        const id = `remembered-${round}-${performance.now()}`
        const path = '/changing.git/info/refs?service=git-upload-pack'
        await ask(stack.gateway.address, path, { headers: { 'X-Request-Id': id } })
        return (await lineOf(id))['cache'] === 'references'
      })
      // The first request fills the cache, and the second is answered from it.
      await git(stack.folder, ['ls-remote', url])
      await git(stack.folder, ['ls-remote', url])
      hits = stack.supervisor.lines.filter((line) => line['cache'] === 'references').length
      await change()
      for (const protocol of ['version=0', 'version=2']) {
        const [seen, real] = await Promise.all([
          git(stack.folder, ['-c', `protocol.version=${protocol.slice(-1)}`, 'ls-remote', '--symref', url]),
          git(stack.folder, ['-c', `protocol.version=${protocol.slice(-1)}`, 'ls-remote', '--symref', here]),
        ])
        assert.equal(seen, real, `round ${round}, ${protocol}`)
      }
    }
    assert.ok(hits > changes.length)
  })

  test('are not taken from the cache when a service has been switched off', async () => {
    const here = join(stack.root, 'switched.git')
    await git(stack.folder, ['init', '--quiet', '--bare', here])
    const path = '/switched.git/info/refs?service=git-upload-pack'
    await until('it to be remembered', async () => {
      const id = `switched-${Date.now()}`
      await ask(stack.gateway.address, path, { headers: { 'X-Request-Id': id } })
      return (await lineOf(id))['cache'] === 'references'
    })
    await git(here, ['config', 'http.uploadpack', 'false'])
    assert.equal((await ask(stack.gateway.address, path)).status, 403)
  })

  test('are listed by git each time if the cache is switched off', async () => {
    await using plain = await startStack({ SLUICE_REFERENCE_CACHE: 'off', SLUICE_PACK_CACHE: 'off' })
    await git(plain.folder, ['clone', '--quiet', '--bare', repository, join(plain.root, 'large.git')])
    for (let n = 0; n < 3; n++) await git(plain.folder, ['ls-remote', `${plain.url}/large.git`])
    await git(plain.folder, ['clone', '--quiet', `${plain.url}/large.git`, 'cloned'])
    assert.deepEqual(
      plain.supervisor.lines.filter((line) => 'cache' in line),
      [],
    )
  })
})

describe('packs', () => {
  describe('are shared only while git would send the same', () => {
    /** A small repository, served as `/NAME.git`. */
    async function create(name: string): Promise<string> {
      const here = join(stack.root, `${name}.git`)
      await git(stack.folder, ['init', '--quiet', '--bare', here])
      await importHistory(here, 3)
      return here
    }

    let count = 0

    /** @returns the folder, whose name is also the id of its requests */
    const clone = async (name: string, ...args: string[]) => {
      const id = `clone-${++count}`
      const withId = ['-c', `http.extraHeader=X-Request-Id: ${id}`]
      await git(stack.folder, [...withId, 'clone', '--quiet', ...args, `${stack.url}/${name}.git`, id])
      return join(stack.folder, id)
    }

    /** Whether a fetch was answered by the git of another request. */
    async function wasShared(id: string): Promise<boolean> {
      const line = await stack.supervisor.line((l) => l['requestId'] === id && l['command'] === 'fetch')
      return line['cache'] === 'pack'
    }

    async function untilShared(name: string, ...args: string[]): Promise<void> {
      await until('a clone to be shared', async () => await wasShared(basename(await clone(name, ...args))))
    }

    const fetch = (name: string, want: string, id = `fetch-${++count}`) =>
      ask(stack.gateway.address, `/${name}.git/git-upload-pack`, {
        method: 'POST',
        headers: { ...v2, 'Content-Type': 'application/x-git-upload-pack-request', 'X-Request-Id': id },
        body: fetchBody(want),
      })

    async function untilFetchIsShared(name: string, want: string): Promise<void> {
      await until('a fetch to be shared', async () => {
        const id = `shared-${++count}`
        assert.match((await fetch(name, want, id)).body, /packfile/)
        return await wasShared(id)
      })
    }

    for (const args of [['--depth=1'], ['--depth=1', '--single-branch'], ['--single-branch']]) {
      test(`a clone with ${args.join(' ')} gets a tag that has just been made`, async () => {
        const name = `tagged-${args.join('')}`
        const here = await create(name)
        await untilShared(name, ...args)
        await git(here, ['tag', '-a', '-m', 'made on the host', 'v1', 'main'])
        assert.equal(await git(await clone(name, ...args), ['tag']), 'v1')
        await untilShared(name, ...args)
        const pusher = await clone(name)
        await git(pusher, ['tag', '-a', '-m', 'pushed', 'v2'])
        await git(pusher, ['push', '--quiet', 'origin', 'v2'])
        assert.equal(await git(await clone(name, ...args), ['tag']), 'v1\nv2')
      })
    }

    test('a fetch does not join one that began before a tag was made', async () => {
      const here = join(stack.root, 'slow.git')
      await git(stack.folder, ['clone', '--quiet', '--bare', repository, here])
      const want = await git(here, ['rev-parse', 'main'])
      // By now, the repository is old enough for its packs to be shared.
      await untilFetchIsShared('slow', want)
      const body = [`want ${want}\n`, 'include-tag\n', 'no-progress\n', 'done\n'].map(pktLine).join('')
      const begin = async (id: string) => {
        const sent = request({
          ...target(stack.gateway.address),
          path: '/slow.git/git-upload-pack',
          method: 'POST',
          agent: false,
          headers: { ...v2, 'Content-Type': 'application/x-git-upload-pack-request', 'X-Request-Id': id },
        })
        sent.on('error', () => {})
        sent.end(`${pktLine('command=fetch')}0001${body}${flushPacket}`)
        const [reply] = (await once(sent, 'response')) as [IncomingMessage]
        reply.on('error', () => {})
        return reply
      }
      const early = await begin('slow-early')
      const joined = await begin('slow-joined')
      await git(here, ['tag', '-a', '-m', 'made meanwhile', 'v1', 'main'])
      const late = await begin('slow-late')
      const digests = await Promise.all([early, joined, late].map(digestOf))
      assert.equal(digests[0], digests[1])
      assert.notEqual(digests[0], digests[2])
      assert.equal((await lineOf('slow-joined'))['cache'], 'pack')
      assert.equal((await lineOf('slow-late'))['cache'], undefined)
    })

    test('do not have a commit whose reference is gone once gc has removed it', async () => {
      const here = await create('secret')
      const secret = await git(here, ['commit-tree', '-m', 'secret', '-p', 'main', 'main^{tree}'])
      await git(here, ['update-ref', 'refs/heads/secret', secret])
      await untilFetchIsShared('secret', secret)
      await git(here, ['update-ref', '-d', 'refs/heads/secret'])
      await git(here, ['gc', '--quiet', '--prune=now'])
      assert.match((await fetch('secret', secret)).body, /not our ref/)
    })

    test('depend on borrowed objects, and on what the lender has', async () => {
      const lender = await create('lender')
      const commit = await git(lender, ['rev-parse', 'main'])
      const [here, alternates] = [join(stack.root, 'borrower.git'), 'objects/info/alternates']
      await git(stack.folder, ['init', '--quiet', '--bare', here])
      await writeFile(join(here, alternates), '../../lender.git/objects\n')
      await untilFetchIsShared('borrower', commit)
      await rm(join(here, alternates))
      assert.match((await fetch('borrower', commit)).body, /not our ref/)
      await writeFile(join(here, alternates), '../../lender.git/objects\n')
      await untilFetchIsShared('borrower', commit)
      await git(lender, ['update-ref', '-d', 'refs/heads/main'])
      await git(lender, ['gc', '--quiet', '--prune=now'])
      assert.match((await fetch('borrower', commit)).body, /not our ref/)
    })

    test('do not have objects that were replaced', async () => {
      const here = await create('restored')
      const commit = await git(here, ['rev-parse', 'main'])
      await untilFetchIsShared('restored', commit)
      await rename(join(here, 'objects'), join(here, 'objects.old'))
      await mkdir(join(here, 'objects/pack'), { recursive: true })
      assert.match((await fetch('restored', commit)).body, /not our ref/)
    })

    test('are not sent by a service that has been switched off', async () => {
      const here = await create('switched-off')
      const commit = await git(here, ['rev-parse', 'main'])
      await untilFetchIsShared('switched-off', commit)
      await git(here, ['config', 'http.uploadpack', 'false'])
      assert.equal((await fetch('switched-off', commit)).status, 403)
    })
  })

  test('that many clients ask for at once are written by one git, and each client gets the same', async () => {
    await askOnce(2)
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => beginClone(`same-${n}`, 2)))
    const digests = await Promise.all(replies.map(digestOf))
    assert.equal(new Set(digests).size, 1)
    const lines = await Promise.all(digests.map((_, n) => lineOf(`same-${n}`)))
    assert.equal(lines.filter((line) => line['cache'] === 'pack').length, 19)
    assert.ok(lines.every((line) => line['outcome'] === 'completed'))
    // A later clone reads it from the disk, without a git, and with a Content-Length.
    const later = await beginClone('same-later', 2)
    assert.match(later.headers['content-length'] ?? '', /^[1-9]\d+$/)
    assert.equal(await digestOf(later), digests[0])
    assert.equal((await lineOf('same-later'))['cache'], 'pack')
    await until('all to be over', async () => isQuiet(await stack.status()))
  })

  test('are whole for real clients, many at once', async () => {
    const clones = Array.from({ length: 6 }, (_, n) => join(stack.folder, `at-once-${n}`))
    await Promise.all(clones.map((clone) => git(stack.folder, ['clone', '--quiet', `${stack.url}/large.git`, clone])))
    for (const clone of clones) await git(clone, ['fsck', '--full'])
  })

  test('go on for the others when the first one leaves, and end with the last', async () => {
    // A reply of which nothing is read is too large to be sent to its end.
    const first = await beginClone('first-leaves', 3)
    await once(first, 'readable')
    const second = await beginClone('second-stays', 3)
    first.destroy()
    assert.equal((await lineOf('first-leaves'))['outcome'], 'client_gone')
    assert.match(await digestOf(second), /^[0-9a-f]{64}$/)
    await lineOf('second-stays')
    await until('nothing else to be at work', async () => isQuiet(await stack.status()))
    const leavers = await Promise.all([beginClone('leaver-1', 4), beginClone('leaver-2', 4)])
    await Promise.all(leavers.map((reply) => once(reply, 'readable')))
    for (const reply of leavers) reply.destroy()
    for (const id of ['leaver-1', 'leaver-2']) assert.equal((await lineOf(id))['outcome'], 'client_gone')
    // The log line of the last client says that nothing is left.
    assert.deepEqual(await stack.gitProcesses(), [])
    assert.ok(isQuiet(await stack.status()))
  })

  test('that many clients wait for are refused to all of them when the queue’s time is over', async () => {
    const waits = fileURLToPath(new URL('../fixtures/waits-for-release.sh', import.meta.url))
    await using small = await startStack({
      SLUICE_GIT: waits,
      SLUICE_FETCH_SLOTS: '1',
      SLUICE_QUEUE_TIMEOUT: '500ms',
    })
    const here = join(small.root, 'large.git')
    await git(small.folder, ['init', '--quiet', '--bare', here])
    const { ctimeMs } = await stat(join(here, 'config'))
    await until('its configuration to be old enough to be relied on', () => Date.now() - ctimeMs > 1200)
    const path = '/large.git/info/refs?service=git-upload-pack'
    const held = ask(small.gateway.address, path)
    await until('the slot to be held', async () => (await small.status()).lanes.some(({ running }) => running === 1))
    const headers = { ...v2, 'Content-Type': 'application/x-git-upload-pack-request' }
    const post = { method: 'POST', headers, body: fetchBody('1'.repeat(40)) }
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => ask(small.supervisor.address, '/large.git/git-upload-pack', post)),
    )
    for (const reply of replies)
      assert.deepEqual([reply.status, reply.headers['sluice-reason']], [503, 'queue_timeout'])
    await writeFile(join(here, 'release'), '')
    assert.equal((await held).status, 200)
  })

  test('that are cut short are cut short for everybody, and not kept', async () => {
    // A git that is stopped can neither end before it is killed nor leave the others to another git.
    let depth = 50
    const first = await until('a git that still writes to be stopped', async () => {
      depth++
      await askOnce(depth)
      const reply = await beginClone(`killed-${depth}`, depth)
      await once(reply, 'data')
      const processes = await stack.gitProcesses()
      for (const pid of processes) signal(pid, 'SIGSTOP')
      const areStopped = await Promise.all(processes.map(hasStopped))
      if (areStopped.length > 0 && areStopped.every(Boolean)) return { reply, processes }
      for (const pid of processes) signal(pid, 'SIGCONT')
      await digestOf(reply)
      return undefined
    })
    const others = await Promise.all([1, 2, 3].map((n) => beginClone(`killed-${depth}-${n}`, depth)))
    await Promise.all(others.map((reply) => once(reply, 'data')))
    for (const pid of first.processes) signal(pid, 'SIGKILL')
    const settled = await Promise.allSettled([first.reply, ...others].map(digestOf))
    const ends = new Set(settled.map(({ status }) => status))
    assert.deepEqual(ends, new Set(['rejected']))
    await until('all to be over', async () => isQuiet(await stack.status()))
    assert.match(await digestOf(await beginClone('after-the-kill', depth)), /^[0-9a-f]{64}$/)
  })

  test('are not shared if git refuses in words', async () => {
    const body = fetchBody('1'.repeat(40), 6)
    const headers = { ...v2, 'Content-Type': 'application/x-git-upload-pack-request' }
    const post = (id: string) =>
      ask(stack.gateway.address, '/large.git/git-upload-pack', {
        method: 'POST',
        headers: { ...headers, 'X-Request-Id': id },
        body,
      })
    for (const id of ['not-ours-1', 'not-ours-2', 'not-ours-3']) {
      const reply = await post(id)
      assert.equal(reply.status, 200)
      assert.match(reply.body, /ERR upload-pack: not our ref/)
      assert.ok(Number((await lineOf(id))['worker']) > 0)
    }
  })

  test('leave nothing in the spool folder, and do not keep their repository', async () => {
    const here = join(stack.root, 'gone.git')
    await git(stack.folder, ['clone', '--quiet', '--bare', repository, here])
    for (let n = 0; n < 3; n++) await git(stack.folder, ['clone', '--quiet', `${stack.url}/gone.git`, `gone-${n}`])
    await rm(here, { recursive: true })
    assert.notEqual((await tryGit(stack.folder, ['clone', `${stack.url}/gone.git`, 'gone-again'])).code, 0)
  })
})

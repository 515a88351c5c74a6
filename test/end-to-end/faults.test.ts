import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { git } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask, target } from '@sluice/shared/testing/http'
import { beginFetch, fetchOf, largeRepository, prepareLargePush } from '@sluice/shared/testing/requests'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * Real git, and clients, workers and servers that end at the worst moment. Afterwards there is no process, no zombie,
 * no more open descriptors than before and no file left. The repository is sound, and the server goes on serving.
 */

let stack: Stack
let repository: string
/** A push of one commit with 4 MB, as git sends it: its body, and the new id of `main`. */
let push: { body: Buffer; id: string }
let descriptors: { gateway: number; supervisor: number }
let count = 0

before(async () => {
  stack = await startStack({ SLUICE_KILL_GRACE: '1s', SLUICE_QUEUE_TIMEOUT: '5m' })
  ;({ repository, push } = await prepareLargePush(stack))
  // Opens connections and warms workers before they are counted.
  await ask(stack.gateway.address, '/large.git/info/refs?service=git-upload-pack')
})
after(() => stack[Symbol.asyncDispose]())
beforeEach(async () => {
  await settled()
  descriptors = { gateway: await open(stack.gateway.pid), supervisor: await open(stack.supervisor.pid) }
})

const open = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).length

/** Waits until nothing is under way, and as many workers are warm as before. */
async function settled(): Promise<void> {
  await until('all to be quiet', async () => {
    const status = await stack.status()
    return isQuiet(status) && status.workers.starting === 0 && status.workers.idle === 4
  })
}

async function assertNothingLeft(): Promise<void> {
  await settled()
  assert.deepEqual(await stack.gitProcesses(), [])
  const files = (await readdir(repository, { recursive: true })).filter((file) => /tmp_|incoming-|\.lock$/.test(file))
  assert.deepEqual(files, [])
  assert.deepEqual(await readdir(join(stack.folder, 'run/requests')), [])
  await git(repository, ['fsck', '--full'])
  await until('the descriptors to be as before', async () => {
    const now = { gateway: await open(stack.gateway.pid), supervisor: await open(stack.supervisor.pid) }
    return now.gateway <= descriptors.gateway && now.supervisor <= descriptors.supervisor
  })
  assert.match(await git(stack.folder, ['ls-remote', `${stack.url}/large.git`]), /refs\/heads\/main/)
}

const lineOf = (id: string) => stack.supervisor.line((line) => line['requestId'] === id)

async function beginClone(id: string): Promise<IncomingMessage> {
  const want = await git(repository, ['rev-parse', 'main'])
  return beginFetch(stack.gateway.address, 'large.git', want, { 'X-Request-Id': id })
}

async function read(reply: IncomingMessage, bytes: number): Promise<void> {
  let seen = 0
  for await (const chunk of reply.iterator({ destroyOnReturn: false })) {
    seen += (chunk as Buffer).length
    if (seen >= bytes) return
  }
}

/** Sends the beginning of a push, of `bytes` bytes, and keeps the connection. */
function beginPush(id: string, bytes: number) {
  const sent = request({
    ...target(stack.gateway.address),
    path: '/large.git/git-receive-pack',
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': 'application/x-git-receive-pack-request',
      'Content-Length': push.body.length,
      'X-Request-Id': id,
    },
  })
  sent.on('error', () => {})
  sent.on('response', (reply: IncomingMessage) => reply.on('error', () => {}).resume())
  sent.write(push.body.subarray(0, bytes))
  return sent
}

/** Waits until index-pack works on a push. */
const quarantine = () =>
  until('a quarantine', async () =>
    (await readdir(join(repository, 'objects'), { recursive: true })).some((name) => /incoming-.*tmp_pack/.test(name)),
  )

test('a clone that is cut after 1 MB', async () => {
  const reply = await beginClone('cut-clone')
  await read(reply, 1_000_000)
  reply.destroy()
  assert.equal((await lineOf('cut-clone'))['outcome'], 'client_gone')
  await assertNothingLeft()
})

test('a client that stops reading is cut off at the idle deadline', async () => {
  await using impatient = await startStack({ SLUICE_IDLE_TIMEOUT: '700ms' })
  await largeRepository(join(impatient.root, 'large.git'))
  const socket = connect(target(impatient.supervisor.address))
  socket.on('error', () => {})
  socket.pause()
  const want = await git(join(impatient.root, 'large.git'), ['rev-parse', 'main'])
  const body = fetchOf(want)
  socket.write(
    `POST /large.git/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: stalled\r\n` +
      `Content-Type: application/x-git-upload-pack-request\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  const line = await impatient.supervisor.line((l) => l['requestId'] === 'stalled')
  assert.equal(line['outcome'], 'timed_out')
  assert.deepEqual(await impatient.gitProcesses(), [])
  socket.destroy()
})

test('a client that sends its request and half-closes', async () => {
  const body = '0014command=ls-refs\n0000'
  const socket = connect({ ...target(stack.gateway.address), allowHalfOpen: true })
  socket.end(
    `POST /large.git/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: half\r\nGit-Protocol: version=2\r\n` +
      `Content-Type: application/x-git-upload-pack-request\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  socket.on('error', () => {})
  socket.resume()
  const line = await stack.gateway.line((l) => l['requestId'] === 'half')
  assert.ok(['completed', 'client_gone'].includes(String(line['outcome'])))
  await assertNothingLeft()
})

test('a push that is cut in mid-pack leaves nothing, and the next one succeeds', async () => {
  const old = await git(repository, ['rev-parse', 'main'])
  const sent = beginPush('cut-push', 2_000_000)
  await quarantine()
  sent.destroy()
  assert.equal((await lineOf('cut-push'))['outcome'], 'client_gone')
  assert.equal(await git(repository, ['rev-parse', 'main']), old)
  await assertNothingLeft()
})

test('a push whose git ignores the end of its input leaves nothing', async () => {
  // A hook runs within the quarantine. This one ignores SIGTERM, so receive-pack is killed around it.
  const hook = join(repository, 'hooks/pre-receive')
  const ignores = join(stack.folder, 'ignores')
  await writeHook(repository, 'pre-receive', `trap "" TERM\ntouch ${ignores}\nwhile :; do sleep 1; done`)
  try {
    const sent = beginPush('stuck-hook', push.body.length)
    await until('the hook to ignore SIGTERM', () => existsSync(ignores))
    sent.destroy()
    const line = await lineOf('stuck-hook')
    assert.equal(line['outcome'], 'client_gone')
    assert.equal(line['signalled'], 'SIGKILL')
  } finally {
    await writeFile(hook, '#!/bin/sh\nexit 0\n')
  }
  await assertNothingLeft()
})

test('a push that is cut after its last byte is committed or not, and never half', async () => {
  const old = await git(repository, ['rev-parse', 'main'])
  const sent = beginPush('cut-late', push.body.length)
  sent.end(() => sent.destroy())
  const line = await lineOf('cut-late')
  assert.ok(['client_gone', 'completed'].includes(String(line['outcome'])))
  const now = await git(repository, ['rev-parse', 'main'])
  assert.ok(now === old || now === push.id)
  if (line['outcome'] === 'client_gone') assert.equal(line['committedAfterDisconnect'] ?? false, now === push.id)
  await assertNothingLeft()
  await git(repository, ['update-ref', 'refs/heads/main', old])
})

test('a push whose client leaves while a hook runs is committed, and logged as that', async () => {
  const old = await git(repository, ['rev-parse', 'main'])
  const hook = join(repository, 'hooks/pre-receive')
  await writeHook(repository, 'pre-receive', 'while ! test -e go; do sleep 0.02; done')
  const sent = beginPush('left-in-hook', push.body.length)
  await until('the hook to run', async () => (await commandLines()).some((line) => line.includes('hooks/pre-receive')))
  sent.destroy()
  await stack.gateway.line((line) => line['requestId'] === 'left-in-hook')
  await writeFile(join(repository, 'go'), '')
  const line = await lineOf('left-in-hook')
  assert.equal(line['outcome'], 'client_gone')
  const now = await git(repository, ['rev-parse', 'main'])
  assert.equal(line['committedAfterDisconnect'] ?? false, now === push.id)
  await rm(join(repository, 'go'))
  await writeFile(hook, '#!/bin/sh\nexit 0\n')
  await assertNothingLeft()
  await git(repository, ['update-ref', 'refs/heads/main', old])
})

describe('what is killed', () => {
  const victims = [
    { what: 'git receive-pack', program: 'receive-pack --stateless-rpc', outcome: 'git_failed' },
    // receive-pack tells its client: "unpack index-pack abnormal exit".
    { what: 'git index-pack', program: 'index-pack', outcome: 'git_failed' },
  ]
  for (const { what, program, outcome } of victims) {
    test(`${what} in mid-push`, async () => {
      const old = await git(repository, ['rev-parse', 'main'])
      const id = `killed-${what.replaceAll(' ', '-')}`
      const sent = beginPush(id, 2_000_000)
      await quarantine()
      const pid = await until(`${what} to run`, async () => (await gitByCommand((line) => line.includes(program)))[0])
      process.kill(pid, 'SIGKILL')
      const line = await lineOf(id)
      assert.equal(line['outcome'], outcome)
      sent.destroy()
      assert.equal(await git(repository, ['rev-parse', 'main']), old)
      await assertNothingLeft()
    })
  }

  test('the worker in mid-push', async () => {
    const sent = beginPush('killed-worker', 2_000_000)
    await quarantine()
    const pid = (await gitByCommand((line) => line.includes('receive-pack --stateless-rpc')))[0]!
    process.kill(await sessionOf(pid), 'SIGKILL')
    assert.equal((await lineOf('killed-worker'))['reason'], 'worker_lost')
    sent.destroy()
    await assertNothingLeft()
  })

  test('the supervisor in mid-push and mid-clone: the next one starts with nothing left', async () => {
    const sent = beginPush('killed-supervisor', 2_000_000)
    const reply = await beginClone('killed-supervisor-2')
    await quarantine()
    stack.supervisor.signal('SIGKILL')
    await stack.supervisor.exited
    sent.destroy()
    reply.destroy()
    await until('everything of it to end', async () => (await stack.gitProcesses()).length === 0)
    await stack.restartSupervisor()
    await settled()
    descriptors.supervisor = await open(stack.supervisor.pid)
    await assertNothingLeft()
  })
})

test('a gateway that is killed under load leaves nothing on the host', async () => {
  // git goes at the pace of its clients.
  const atPace = { SLUICE_FETCH_AHEAD: 'off', SLUICE_PACK_CACHE: 'off' }
  await using own = await startStack({ SLUICE_KILL_GRACE: '1s', ...atPace })
  const here = join(own.root, 'large.git')
  await largeRepository(here)
  const want = await git(here, ['rev-parse', 'main'])
  const replies = await Promise.all(Array.from({ length: 6 }, () => beginFetch(own.gateway.address, 'large.git', want)))
  await Promise.all(replies.map((reply) => read(reply, 100_000)))
  assert.ok((await own.gitProcesses()).length > 0)
  own.gateway.signal('SIGKILL')
  await own.gateway.exited
  await until('all to be over', async () => isQuiet(await own.status()))
  assert.deepEqual(await own.gitProcesses(), [])
  assert.deepEqual(await readdir(join(own.folder, 'run/requests')), [])
})

const seed = testSeed(1)

test(`50 clones that are cut at random points at once (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  const replies = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const reply = await beginClone(`random-${++count}-${index}`)
      if (reply.statusCode === 200) await read(reply, random.below(3_000_000))
      reply.destroy()
      return reply.statusCode
    }),
  )
  assert.deepEqual(new Set(replies), new Set([200]))
  await until('a line for each', () => ended((line) => String(line['requestId']).startsWith('random-')).length === 50)
  await assertNothingLeft()
})

const ended = (fits: (line: LogLine) => boolean) =>
  stack.supervisor.lines.filter((line) => line['outcome'] && fits(line))

async function gitByCommand(fits: (line: string) => boolean): Promise<number[]> {
  const pids = await stack.gitProcesses()
  const lines = await Promise.all(pids.map(async (pid) => [pid, await commandLine(pid)] as const))
  return lines.filter(([, line]) => fits(line)).map(([pid]) => pid)
}

async function commandLines(): Promise<string[]> {
  return Promise.all((await stack.gitProcesses()).map(commandLine))
}

async function commandLine(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.replaceAll('\0', ' ')
}

async function sessionOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}

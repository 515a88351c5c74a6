import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { git, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { target } from '@sluice/shared/testing/http'
import { prepareLargePush } from '@sluice/shared/testing/requests'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * Files that dead pushes leave are removed, and no others: a lock left behind is an annoyance, a lock taken from its
 * owner is a lost commit.
 */

let stack: Stack
let repository: string
let push: { body: Buffer; id: string }
let old: string
let count = 0

before(async () => {
  stack = await startStack({ SLUICE_KILL_GRACE: '1s' })
  ;({ repository, push } = await prepareLargePush(stack))
  old = await git(repository, ['rev-parse', 'main'])
})
after(async () => {
  // No process must wait for a connection after a failed test either.
  for (const sent of begun) sent.destroy()
  await stack[Symbol.asyncDispose]()
})

const begun: ClientRequest[] = []

/** Sends a push of 4 MB to `main`, or the beginning of it, after some other lines. Keeps the connection. */
function beginPush(bytes = push.body.length, path = 'large.git', lines = '') {
  const id = `push-${++count}`
  const sent = request({
    ...target(stack.gateway.address),
    path: `/${path}/git-receive-pack`,
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': 'application/x-git-receive-pack-request',
      'Content-Length': lines.length + push.body.length,
      'X-Request-Id': id,
    },
  })
  begun.push(sent)
  sent.on('error', () => {})
  sent.on('response', (reply) => reply.on('error', () => {}).resume())
  sent.write(lines)
  sent.write(push.body.subarray(0, bytes))
  return { id, sent, ended: () => stack.supervisor.line((line) => line['requestId'] === id) }
}

const remains = async (gitDir = repository) =>
  (await readdir(gitDir, { recursive: true })).filter((name) =>
    /incoming-[^/]*$|\.lock$|\.keep$|\.new$|^shallow_/.test(name),
  )

/** The packs that index-pack is writing. */
const incoming = async (gitDir = repository) =>
  (await readdir(join(gitDir, 'objects'), { recursive: true })).filter((name) =>
    /incoming-\w+\/pack\/tmp_pack_/.test(name),
  )

/** Waits until index-pack works on a push. */
const quarantine = (gitDir = repository) =>
  until('a quarantine', async () => (await incoming(gitDir))[0]?.split('/')[0])

async function sessionOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}

/** The pids of a push: its worker, and its git commands of a name. */
async function processesOf(id: string, name = /./): Promise<{ worker: number; gits: number[] }> {
  const worker = await until('the worker', async () => {
    const requests = (await stack.status()).requests as readonly { requestId: string; worker?: number }[]
    return requests.find(({ requestId }) => requestId === id)?.worker
  })
  const gits: number[] = []
  for (const pid of await stack.gitProcesses()) {
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
    if (pid !== worker && name.test(line) && (await sessionOf(pid)) === worker) gits.push(pid)
  }
  return { worker, gits }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

/** Begins a push whose client leaves in the middle of it. */
async function cutPush(path?: string): Promise<void> {
  const cut = beginPush(2_000_000, path)
  await quarantine(path === undefined ? repository : join(stack.root, path, '.git'))
  cut.sent.destroy()
  await cut.ended()
}

/** Kills a supervisor in mid-push with all that it has started, and starts the next one. */
async function killSupervisor(path?: string): Promise<void> {
  const { id, sent } = beginPush(2_000_000, path)
  await quarantine(path === undefined ? repository : join(stack.root, path, '.git'))
  const { worker } = await processesOf(id)
  stack.supervisor.signal('SIGKILL')
  kill(-worker)
  await stack.supervisor.exited
  sent.destroy()
  await until('everything of it to end', async () => (await stack.gitProcesses()).length === 0)
  await stack.restartSupervisor()
}

/** Runs an operator's `git update-ref --stdin` outside Sluice, with a prepared transaction. */
async function prepare(...commands: string[]) {
  const operator = spawn('git', [`--git-dir=${repository}`, 'update-ref', '--stdin'], { cwd: '/' })
  let said = ''
  operator.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  operator.stdin.write(['start', ...commands, 'prepare', ''].join('\n'))
  await until('the transaction to be prepared', () => said.includes('prepare: ok'))
  const closed = once(operator, 'close')
  return {
    async commit(): Promise<string> {
      operator.stdin.end('commit\n')
      await closed
      return said
    },
    async [Symbol.asyncDispose]() {
      operator.stdin.end()
      await closed
    },
  }
}

for (const [what, happens] of [
  ['a client cuts its push', cutPush],
  ['the supervisor is killed and started again', killSupervisor],
] as const) {
  describe(`when ${what}, an operator at work elsewhere`, () => {
    test('keeps the lock of a branch, and the commit', async () => {
      await using operator = await prepare(
        `update refs/heads/operators ${old} 0000000000000000000000000000000000000000`,
      )
      await happens()
      assert.deepEqual(await remains(), ['refs/heads/operators.lock'])
      const other = await tryGit(repository, ['update-ref', 'refs/heads/operators', old])
      assert.match(other.stderr, /Unable to create .*operators.lock/)
      assert.match(await operator.commit(), /commit: ok/)
      assert.equal(await git(repository, ['rev-parse', 'operators']), old)
      await git(repository, ['update-ref', '-d', 'refs/heads/operators'])
    })

    test('keeps packed-refs.lock and packed-refs.new, and the deletion', async () => {
      await git(repository, ['update-ref', 'refs/heads/packed', old])
      await git(repository, ['pack-refs', '--all'])
      await using operator = await prepare(`delete refs/heads/packed ${old}`)
      await happens()
      assert.deepEqual((await remains()).toSorted(), ['packed-refs.lock', 'packed-refs.new', 'refs/heads/packed.lock'])
      assert.match(await operator.commit(), /commit: ok/)
      assert.equal((await tryGit(repository, ['rev-parse', '--verify', 'packed'])).code, 128)
    })

    test('keeps the lock of an index, and the commit', async () => {
      const work = join(stack.root, `work-${count}`)
      const gitDir = join(work, '.git')
      await git(stack.root, ['clone', '--quiet', repository, work])
      await git(work, ['checkout', '--quiet', '-b', 'mine'])
      await git(work, ['config', 'receive.denyCurrentBranch', 'ignore'])
      await git(work, ['config', 'receive.unpackLimit', '1'])
      await writeFile(join(work, 'file-of-mine'), 'mine')
      await git(work, ['add', '.'])
      await writeHook(gitDir, 'pre-commit', 'until test -e .git/go; do sleep 0.02; done')
      // With paths, git holds index.lock while the hook runs.
      const commit = git(stack.folder, ['-C', work, 'commit', '--quiet', '-m', 'Mine', '--', 'file-of-mine'])
      try {
        await until('the lock', () => existsSync(join(gitDir, 'index.lock')))
        await happens(basename(work))
        assert.ok(existsSync(join(gitDir, 'index.lock')))
      } finally {
        await writeFile(join(gitDir, 'go'), '')
        await commit
      }
      assert.equal(await git(work, ['log', '-1', '--format=%s', 'mine']), 'Mine')
    })
  })
}

type Push = ReturnType<typeof beginPush>

/** Each ends a push in another way. */
const ends: Record<string, (begun: Push) => Promise<void>> = {
  'its client leaves': async ({ sent }) => void sent.destroy(),
  'receive-pack is killed': async ({ id }) => (await processesOf(id, / receive-pack /)).gits.forEach(kill),
  'index-pack is killed': async ({ id }) => (await processesOf(id, / index-pack /)).gits.forEach(kill),
  'the worker is killed': async ({ id }) => kill((await processesOf(id)).worker),
  'all of its processes are killed': async ({ id }) => kill(-(await processesOf(id)).worker),
}

const seed = testSeed(1)

test(`pushes that are ended at random moments leave nothing, and remove nothing of others (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  const others: string[] = []
  const leave = async (path: string, content = '') => {
    await writeFile(join(repository, path), content, { flag: 'wx' })
    others.push(path)
  }
  const leaveSome = async () => {
    const name = randomBytes(3).toString('hex')
    await leave(`refs/heads/${name}.lock`)
    await leave(`${name}.lock`)
    await leave(`objects/pack/pack-${name}.keep`, `receive-pack ${process.pid} on somewhere\n`)
    for (const kind of ['tmp_objdir-incoming-', 'incoming-']) {
      others.push(`objects/${kind}${name}`)
      await mkdir(join(repository, others.at(-1)!))
    }
  }
  // Meanwhile, another push goes through the same host.
  const other = beginPush(2_000_000)
  others.push(`objects/${await quarantine()}`)
  // Another process may hold this lock and own that file.
  await leave('packed-refs.lock')
  await leave('packed-refs.new')
  for (let round = 0; round < 3; round++) {
    for (const [how, end] of Object.entries(ends)) {
      await leaveSome()
      const cut = beginPush(2_000_000)
      await until('its quarantine', async () => (await incoming()).length === 2)
      await leaveSome()
      await pause(random.next() * 20)
      await end(cut)
      await leaveSome()
      // When its index-pack is gone, receive-pack waits for the rest.
      cut.sent.destroy()
      await cut.ended()
      assert.deepEqual((await remains()).toSorted(), others.toSorted(), `${how}, round ${round}`)
    }
  }
  for (const path of others.slice(1)) await rm(join(repository, path), { recursive: true })
  other.sent.end(push.body.subarray(2_000_000))
  assert.equal((await other.ended())['outcome'], 'completed')
  assert.equal(await git(repository, ['rev-parse', 'main']), push.id)
  await git(repository, ['update-ref', 'refs/heads/main', old])
  assert.deepEqual(await remains(), [])
})

test('pushes from a shallow history that are ended leave nothing, and remove nothing of others', async () => {
  const others = join(repository, 'shallow_others')
  await writeFile(others, '')
  for (const [how, end] of Object.entries(ends)) {
    const cut = beginPush(2_000_000, 'large.git', pktLine(`shallow ${old}`))
    await quarantine()
    assert.equal((await remains()).length, 3)
    await end(cut)
    cut.sent.destroy()
    await cut.ended()
    assert.deepEqual(await remains(), ['shallow_others'], how)
  }
  await rm(others)
})

test('a pack that a killed push still holds is released; a pack that another process holds is not', async () => {
  const hook = join(repository, 'hooks/update')
  await writeHook(repository, 'update', 'while :; do sleep 0.05; done')
  const others = join(repository, 'objects/pack/pack-others.keep')
  await writeFile(others, 'receive-pack 1 on elsewhere\n')
  const held = beginPush()
  await until('its pack to be kept', async () => (await remains()).length === 2)
  ;(await processesOf(held.id, / receive-pack /)).gits.forEach(kill)
  await held.ended()
  assert.deepEqual(await remains(), ['objects/pack/pack-others.keep'])
  await rm(others)
  await rm(hook)
})

test('a packed-refs.new that nobody owns does not stop a deletion', async () => {
  await git(repository, ['update-ref', 'refs/heads/unwanted', old])
  await git(repository, ['pack-refs', '--all'])
  await writeFile(join(repository, 'packed-refs.new'), '')
  await git(join(stack.folder, 'capture'), ['push', '--quiet', `${stack.url}/large.git`, ':unwanted'])
  assert.deepEqual(await remains(), [])
})

test('a lock from before the machine’s start does not stop a push; a newer one does, and stays', async () => {
  const url = `${stack.url}/large.git`
  const lock = join(repository, 'refs/heads/locked.lock')
  await writeFile(lock, '')
  const client = join(stack.folder, 'capture')
  assert.equal((await tryGit(client, ['push', '--quiet', url, `${old}:refs/heads/locked`])).code, 1)
  assert.ok(existsSync(lock))
  await utimes(lock, 1_000_000, 1_000_000)
  await git(client, ['push', '--quiet', url, `${old}:refs/heads/locked`])
  assert.equal(existsSync(lock), false)
})

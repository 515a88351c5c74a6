import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * Hooks that run after the references have moved may finish, even if their client leaves. Other hooks end with their
 * client.
 */

const none = '0'.repeat(40)
const untilGo = 'touch began; while ! test -e go; do sleep 0.02; done; touch ended'

for (const runtime of ['launcher', 'node']) {
  describe(`with workers on ${runtime}`, () => {
    let stack: Stack
    let count = 0
    before(async () => {
      stack = await startStack({
        SLUICE_WORKER_RUNTIME: runtime,
        // Of a push that wants no report, the references are looked at once this is over, while its git runs.
        SLUICE_PUSH_GRACE: '0s',
        SLUICE_KILL_GRACE: '500ms',
        SLUICE_HOOK_TIMEOUT: '1h',
      })
    })
    after(() => stack[Symbol.asyncDispose]())

    /** A repository with one commit on main, and hooks. */
    async function repositoryWith(hooks: Record<string, string>) {
      const name = `repository-${++count}.git`
      const gitDir = join(stack.root, name)
      await mkdir(gitDir)
      await git(gitDir, ['init', '--quiet', '--bare', '.'])
      await importHistory(gitDir, 1)
      for (const [hook, script] of Object.entries(hooks)) await writeHook(gitDir, hook, script)
      const main = await git(gitDir, ['rev-parse', 'main'])
      const has = (file: string) => existsSync(join(gitDir, file))
      return { name, gitDir, main, has, begun: () => until('the hook to run', () => has('began')) }
    }

    const lineOf = (id: string): Promise<LogLine> => endOf(stack, id)

    const ways = [
      { what: 'with side-bands', capabilities: 'report-status side-band-64k', wasTold: true },
      {
        what: 'with side-bands and the longer report',
        capabilities: 'report-status-v2 side-band-64k atomic',
        wasTold: true,
      },
      { what: 'without side-bands', capabilities: 'report-status', wasTold: true },
      { what: 'that wants no report', capabilities: 'side-band-64k', wasTold: false },
      { what: 'that wants neither', capabilities: 'delete-refs', wasTold: false },
    ]
    for (const { what, capabilities, wasTold } of ways) {
      test(`post-receive of a push ${what} ends, though its client has left`, async () => {
        const { name, gitDir, main, has, begun } = await repositoryWith({ 'post-receive': untilGo })
        const id = `left-${name}`
        const sent = push(stack, name, id, capabilities, [
          `${none} ${main} refs/heads/a`,
          `${none} ${main} refs/heads/b`,
        ])
        await begun()
        if (wasTold) await sent.told()
        sent.leave()
        await untilEnding(stack, id)
        await writeFile(join(gitDir, 'go'), '')
        const line = await lineOf(id)
        assert.ok(has('ended'))
        assert.equal(line['outcome'], wasTold ? 'completed' : 'client_gone')
        assert.equal(line['finishedAfterDisconnect'], true)
        assert.equal(line['signalled'], undefined)
        assert.equal(line['committedAfterDisconnect'], wasTold ? undefined : true)
        assert.deepEqual(await stack.gitProcesses(), [])
        assert.equal(await git(gitDir, ['rev-parse', 'refs/heads/b']), main)
      })
    }

    test('a deletion is a push, too', async () => {
      const { name, gitDir, main, has, begun } = await repositoryWith({ 'post-receive': untilGo })
      await git(gitDir, ['branch', 'old', main])
      const sent = push(stack, name, `deleted-${name}`, 'delete-refs', [`${main} ${none} refs/heads/old`], false)
      await begun()
      sent.leave()
      await untilEnding(stack, `deleted-${name}`)
      await writeFile(join(gitDir, 'go'), '')
      assert.equal((await lineOf(`deleted-${name}`))['finishedAfterDisconnect'], true)
      assert.ok(has('ended'))
    })

    test('hooks that write much finish, though nobody reads it', async () => {
      const script = `${untilGo}; head -c 3000000 /dev/zero | tr '\\0' x; touch said`
      const { name, gitDir, main, has, begun } = await repositoryWith({ 'post-receive': script })
      const sent = push(stack, name, `says-${name}`, 'report-status side-band-64k', [`${none} ${main} refs/heads/a`])
      await begun()
      await sent.told()
      sent.leave()
      await untilEnding(stack, `says-${name}`)
      await writeFile(join(gitDir, 'go'), '')
      assert.equal((await lineOf(`says-${name}`))['outcome'], 'completed')
      assert.ok(has('said'))
    })

    test('hooks that run before the references move end with their client', async () => {
      const { name, gitDir, main, has, begun } = await repositoryWith({ 'pre-receive': untilGo })
      for (const capabilities of ['report-status side-band-64k', 'delete-refs']) {
        const id = `early-${capabilities.length}-${name}`
        const sent = push(stack, name, id, capabilities, [`${none} ${main} refs/heads/a`])
        await begun()
        sent.leave()
        const line = await lineOf(id)
        assert.equal(line['outcome'], 'client_gone')
        assert.equal(line['finishedAfterDisconnect'], undefined)
        assert.ok(!has('ended'))
        assert.deepEqual(await stack.gitProcesses(), [])
        await rm(join(gitDir, 'began'))
      }
    })

    test('processes that a hook leaves in the background are ended, and named in a warning', async () => {
      // Each has to have replaced itself with its program before it can be told by its name.
      const asleep = 'until test "$(cat /proc/$!/comm)" = sleep; do sleep 0.02; done'
      const script = [
        `nohup sleep 1000 >/dev/null 2>&1 & ${asleep}`,
        `setsid nohup sleep 1001 >/dev/null 2>&1 & ${asleep}`,
      ].join('\n')
      const { name, main } = await repositoryWith({ 'post-receive': script })
      const work = join(stack.folder, `work-${name}`)
      await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}`, work])
      await git(work, ['push', '--quiet', 'origin', `${main}:refs/heads/a`])
      const warning = await stack.supervisor.line(
        (line) => line['repository'] === name && /left running in the background/.test(String(line['msg'])),
      )
      assert.equal(warning['level'], 'warn')
      const processes = warning['processes'] as { pid: number; name: string }[]
      assert.deepEqual(
        processes.map((it) => it.name),
        ['sleep', 'sleep'],
      )
      await until('them to be gone', async () => (await stack.gitProcesses()).length === 0)
    })

    test('work that a hook hands to a daemon goes on', async () => {
      const { name, gitDir, main, has } = await repositoryWith({
        'post-receive': '{ echo "$IN_SLUICE"; cat; } >work; while ! test -e started; do sleep 0.02; done',
      })
      await using _daemon = await startDaemon(gitDir)
      const work = join(stack.folder, `work-${name}`)
      await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}`, work])
      await git(work, ['push', '--quiet', 'origin', `${main}:refs/heads/a`])
      await until('the request to be over', async () => (await stack.status()).requestsInAll === 0)
      await writeFile(join(gitDir, 'go'), '')
      await until('the work to be done', () => has('done'))
      assert.match(await readFile(join(gitDir, 'done'), 'utf8'), new RegExp(`${main} refs/heads/a`))
    })
  })
}

test('hooks that go on for too long after their client has left are ended, with a warning', async () => {
  await using stack = await startStack({ SLUICE_HOOK_TIMEOUT: '300ms', SLUICE_KILL_GRACE: '300ms' })
  const { gitDir, sent } = await leaveInHook(stack, `trap '' TERM; ${untilGo}`)
  sent.leave()
  const line = await endOf(stack, 'left')
  assert.equal(line['outcome'], 'completed')
  assert.equal(line['finishedAfterDisconnect'], false)
  assert.equal(line['signalled'], 'SIGKILL')
  const warning = await stack.supervisor.line((it) => it['requestId'] === 'left' && it['why'] === 'hook_timeout')
  assert.equal(warning['level'], 'warn')
  assert.ok(!existsSync(join(gitDir, 'ended')))
  assert.deepEqual(await stack.gitProcesses(), [])
})

test('a supervisor that is told to stop waits for hooks; a second signal ends them', async () => {
  await using stack = await startStack({ SLUICE_DRAIN_TIMEOUT: '1h', SLUICE_HOOK_TIMEOUT: '1h' })
  const { gitDir, sent } = await leaveInHook(stack, untilGo)
  sent.leave()
  await untilEnding(stack, 'left')
  stack.supervisor.signal('SIGTERM')
  await stack.supervisor.line((line) => line['msg'] === 'draining')
  assert.equal((await stack.gitProcesses()).length > 0, true)
  // Two signals within 100 ms count as one.
  await pause(200)
  stack.supervisor.signal('SIGTERM')
  assert.equal((await endOf(stack, 'left'))['finishedAfterDisconnect'], false)
  assert.equal(await stack.supervisor.exited, 0)
  const { leaked } = await stack.supervisor.line(({ msg }) => msg === 'stopped')
  assert.deepEqual(leaked, { processes: 0, zombies: 0 })
  assert.ok(!existsSync(join(gitDir, 'ended')))
})

test('a supervisor that is told to stop waits for hooks to end', async () => {
  await using stack = await startStack({ SLUICE_DRAIN_TIMEOUT: '1h', SLUICE_HOOK_TIMEOUT: '1h' })
  const { gitDir, sent } = await leaveInHook(stack, untilGo)
  sent.leave()
  await untilEnding(stack, 'left')
  stack.supervisor.signal('SIGTERM')
  await stack.supervisor.line((line) => line['msg'] === 'draining')
  await writeFile(join(gitDir, 'go'), '')
  assert.equal(await stack.supervisor.exited, 0)
  assert.ok(existsSync(join(gitDir, 'ended')))
  assert.equal((await endOf(stack, 'left'))['outcome'], 'completed')
})

test('the slot of a push is held until its hooks have ended', async () => {
  await using stack = await startStack({ SLUICE_PUSH_SLOTS: '1', SLUICE_HOOK_TIMEOUT: '1h' })
  const { gitDir, sent } = await leaveInHook(stack, untilGo)
  sent.leave()
  await untilEnding(stack, 'left')
  const lane = async () => (await stack.status()).lanes.find((it) => it.lane === 'push')
  assert.equal((await lane())?.running, 1)
  await writeFile(join(gitDir, 'go'), '')
  await endOf(stack, 'left')
  await until('the slot to be free', async () => (await lane())?.running === 0)
})

test('a killed gateway counts as a client that leaves', async () => {
  await using stack = await startStack({ SLUICE_HOOK_TIMEOUT: '1h' })
  const { gitDir } = await leaveInHook(stack, untilGo)
  stack.gateway.signal('SIGKILL')
  await stack.gateway.exited
  await untilEnding(stack, 'left')
  await writeFile(join(gitDir, 'go'), '')
  const line = await endOf(stack, 'left')
  assert.equal(line['outcome'], 'completed')
  assert.ok(existsSync(join(gitDir, 'ended')))
})

test('a push whose references move just after its client has left runs its hooks, too', async () => {
  await using stack = await startStack({ SLUICE_PUSH_GRACE: '1h', SLUICE_HOOK_TIMEOUT: '1h' })
  const gitDir = join(stack.root, 'project.git')
  await mkdir(gitDir)
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 1)
  await writeHook(gitDir, 'pre-receive', 'touch early; while ! test -e move; do sleep 0.02; done')
  await writeHook(gitDir, 'post-receive', untilGo)
  const main = await git(gitDir, ['rev-parse', 'main'])
  const sent = push(stack, 'project.git', 'left', 'report-status side-band-64k', [`${none} ${main} refs/heads/a`])
  await until('the first hook to run', () => existsSync(join(gitDir, 'early')))
  sent.leave()
  await untilEnding(stack, 'left')
  await writeFile(join(gitDir, 'move'), '')
  await until('the second hook to run', () => existsSync(join(gitDir, 'began')))
  await writeFile(join(gitDir, 'go'), '')
  const line = await endOf(stack, 'left')
  assert.equal(line['outcome'], 'client_gone')
  assert.equal(line['committedAfterDisconnect'], true)
  assert.equal(line['finishedAfterDisconnect'], true)
  assert.ok(existsSync(join(gitDir, 'ended')))
})

/** A push whose post-receive hook runs, and whose client has its report. */
async function leaveInHook(stack: Stack, postReceive: string) {
  const gitDir = join(stack.root, 'project.git')
  await mkdir(gitDir)
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 1)
  await writeHook(gitDir, 'post-receive', postReceive)
  const main = await git(gitDir, ['rev-parse', 'main'])
  const sent = push(stack, 'project.git', 'left', 'report-status side-band-64k', [`${none} ${main} refs/heads/a`])
  await until('the hook to run', () => existsSync(join(gitDir, 'began')))
  await sent.told()
  return { gitDir, sent }
}

/** Waits until the host has seen that the client has left. The request stays like this until its hook is let go. */
async function untilEnding(stack: Stack, id: string): Promise<void> {
  await until('the request to be ending', async () => {
    const { requests } = await stack.status()
    return requests.find(({ requestId }) => requestId === id)?.phase === 'ending'
  })
}

/** The log line of the request. */
function endOf(stack: Stack, id: string): Promise<LogLine> {
  return stack.supervisor.line((line) => line['requestId'] === id && line['outcome'] !== undefined)
}

/** Sends a push of commands whose objects are all there, with an empty pack, and keeps the connection. */
function push(
  stack: Stack,
  name: string,
  id: string,
  capabilities: string,
  commands: readonly string[],
  hasPack = true,
): Push {
  const [first, ...others] = commands
  const lines = [pktLine(`${first}\0 ${capabilities} agent=test`), ...others.map(pktLine)].join('')
  const sent = request({
    ...target(stack.gateway.address),
    path: `/${name}/git-receive-pack`,
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/x-git-receive-pack-request', 'X-Request-Id': id },
  })
  let text = ''
  sent.on('error', () => {})
  sent.on('response', (reply: IncomingMessage) => {
    reply.on('error', () => {})
    reply.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  })
  sent.end(Buffer.concat([Buffer.from(lines + flushPacket), hasPack ? emptyPack : Buffer.alloc(0)]))
  return { leave: () => void sent.destroy(), told: () => until('the report', () => text.includes('unpack ok')) }
}

type Push = { leave(): void; told(): Promise<unknown> }

/** Version 2, no objects, and the SHA-1 of that. */
const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')

/**
 * A daemon that works off what comes through a FIFO, in a session of its own. As with `at`, the work runs in a child
 * with a copy of the hook's environment.
 */
async function startDaemon(folder: string): Promise<AsyncDisposable> {
  await promisify(execFile)('mkfifo', [join(folder, 'work')])
  const child = 'touch started; while ! test -e go; do sleep 0.02; done; mv taken done'
  const script = `exec 3<work; read -r IN_SLUICE <&3; export IN_SLUICE; cat <&3 >taken; sh -c '${child}'; true`
  const daemon = spawn('/bin/sh', ['-c', script], { cwd: folder, detached: true, stdio: 'ignore' })
  const ended = once(daemon, 'exit')
  return {
    async [Symbol.asyncDispose]() {
      daemon.kill('SIGKILL')
      await ended
    },
  }
}

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * A worker is killed, as the kernel does when memory is short. Everything that its hooks have started is ended all the
 * same.
 */

const stubborn = `sh -c 'trap "" TERM; echo yes >began; while :; do sleep 1; done'`
/** What each hook starts says that it runs, in the repository. */
const sleeper = `sh -c 'echo yes >began; exec sleep 1000'`
const ways: [what: string, script: string][] = [
  ['a child in a session of its own', `setsid ${sleeper} &`],
  ['one that ignores SIGTERM', `setsid ${stubborn} &`],
  ['one whose parent has ended', `(setsid ${sleeper} &)`],
  [
    'a daemon that has forked twice',
    `(setsid sh -c '(setsid sh -c "echo yes >began; exec sleep 1000" </dev/null >/dev/null 2>&1 &)' &)`,
  ],
  ['one without its environment, whose parent lives', `env -i PATH="$PATH" setsid ${stubborn} &`],
]

for (const runtime of ['launcher', 'node']) {
  describe(`with workers on ${runtime}`, () => {
    let stack: Stack
    before(async () => {
      const env = { SLUICE_KILL_GRACE: '300ms', SLUICE_PUSH_SLOTS: '1', SLUICE_DRAIN_TIMEOUT: '1s' }
      stack = await startStack({ SLUICE_WORKER_RUNTIME: runtime, ...env })
    })
    after(() => stack[Symbol.asyncDispose]())

    for (const [number, [what, script]] of ways.entries()) {
      test(`${what} is ended with the worker, and the slot is free only then`, async () => {
        const name = `project-${number}.git`
        const gitDir = await repositoryWith(stack, name, script)
        await push(stack, name, gitDir)
        await until('the hook to have started it', () => existsSync(join(gitDir, 'began')))
        const pids = await stack.gitProcesses()
        process.kill(await sessionOf(pids), 'SIGKILL')
        const line = await stack.supervisor.line((it) => it['requestId'] === name)
        assert.equal(line['reason'], 'worker_lost')
        assert.deepEqual(await stack.gitProcesses(), [])
        const status = await stack.status()
        assert.deepEqual(status.leaked, { processes: 0, zombies: 0 })
        await until('the slot to be free', async () =>
          (await stack.status()).lanes.every(({ lane, running }) => lane !== 'push' || running === 0),
        )
        await stack.supervisor.line(
          (it) => /running in the background/.test(String(it['msg'])) && it['repository'] === name,
        )
      })
    }
  })
}

async function repositoryWith(stack: Stack, name: string, script: string): Promise<string> {
  const gitDir = join(stack.root, name)
  await mkdir(gitDir)
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 1)
  await writeHook(gitDir, 'pre-receive', `${script}\nwhile :; do sleep 1; done`)
  return gitDir
}

async function push(stack: Stack, name: string, gitDir: string): Promise<void> {
  const main = await git(gitDir, ['rev-parse', 'main'])
  const sent = request({
    ...target(stack.gateway.address),
    path: `/${name}/git-receive-pack`,
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/x-git-receive-pack-request', 'X-Request-Id': name },
  })
  sent.on('error', () => {})
  sent.on('response', (reply: IncomingMessage) => reply.on('error', () => {}).resume())
  const command = pktLine(`${'0'.repeat(40)} ${main} refs/heads/a\0 report-status side-band-64k agent=test`)
  const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')
  sent.end(Buffer.concat([Buffer.from(command + flushPacket), emptyPack]))
}

/** The session of git itself, which is the worker's pid. */
async function sessionOf(pids: readonly number[]): Promise<number> {
  for (const pid of pids) {
    // Some have ended by now.
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
    if (!line.includes('\0receive-pack\0')) continue
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  }
  throw new Error('git does not run.')
}

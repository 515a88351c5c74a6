import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { GitLimits } from '../../../src/process/launcher/git-limits.ts'
import { nicenessFor } from '../../../src/process/launcher/git-limits.ts'
import { noLimits, openTestWorkers } from '../../support/workers.ts'

const MiB = 2 ** 20

const all: GitLimits = {
  gitMemory: 64 * MiB,
  gitCpuTime: 2500,
  gitFileSize: 3 * MiB,
  gitOpenFiles: 100,
  gitOomScore: 300,
}

/** What a script writes that runs with these limits, and how it ended. */
async function run(script: string, limits: GitLimits, niceness = 0) {
  await using workers = await openTestWorkers('launcher', { limits })
  await using worker = workers.start()
  await worker.ready
  const env = { PATH: process.env['PATH'] ?? '' }
  worker.serve({ argv: ['/bin/sh', '-c', script], env, cwd: '/', niceness }, { term: 0, kill: 300, drain: false })
  worker.stdin.end()
  const chunks: Buffer[] = []
  for await (const chunk of worker.stdout) chunks.push(chunk as Buffer)
  const { code, signal } = await worker.report
  return { output: Buffer.concat(chunks).toString(), code, signal }
}

const show = 'cat /proc/self/limits /proc/self/oom_score_adj; nice'

const ownScore = () => Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))

describe('what git and its children may use', () => {
  test('is what is configured', async () => {
    const { output } = await run(show, all)
    for (const line of [
      /^Max data size +67108864 +67108864 /m,
      /^Max cpu time +3 +8 /m,
      /^Max file size +3145728 +3145728 /m,
      /^Max open files +100 +100 /m,
      /^Max core file size +0 +0 /m,
    ])
      assert.match(output, line)
    assert.ok(output.includes(`\n${Math.min(1000, ownScore() + 300)}\n`), output)
  })

  test('is what the supervisor may, where nothing is configured', async () => {
    const { output } = await run(show, noLimits)
    const [, ofSupervisor] = /^(Max cpu time[^]*)Max realtime timeout/m.exec(readFileSync('/proc/self/limits', 'utf8'))!
    // Node raises its own soft limit of open files.
    const comparable = (text: string) => text.split('\n').filter((line) => !line.startsWith('Max open files'))
    for (const line of comparable(ofSupervisor!)) assert.ok(output.includes(line), line)
    assert.ok(output.endsWith(`\n${ownScore()}\n${getPriority()}\n`))
  })

  test('is never more than the supervisor may: a higher limit leaves what there is', async () => {
    const { output, code } = await run(show, { ...noLimits, gitOpenFiles: 2 ** 31 })
    assert.equal(code, 0)
    const [, hard] = /^Max open files +\d+ +(\d+) /m.exec(readFileSync('/proc/self/limits', 'utf8'))!
    assert.match(output, new RegExp(`^Max open files +\\d+ +${hard} `, 'm'))
  })

  test('leaves a niceness to each command', async () => {
    assert.match(
      (await run('nice', noLimits, nicenessFor(4))).output,
      new RegExp(`^${Math.min(19, getPriority() + 4)}$`, 'm'),
    )
    assert.equal(nicenessFor(0), 0)
  })
})

describe('whoever uses more', () => {
  test('is ended by the signal that says so', async () => {
    await using folder = await temporaryFolder()
    assert.equal((await run(`exec head -c 4000000 /dev/zero >'${folder.path}/large'`, all)).signal, 'SIGXFSZ')
    const busy = await run('while :; do :; done', { ...noLimits, gitCpuTime: 1000 })
    assert.equal(busy.signal, 'SIGXCPU')
  })

  test('gets no more memory', async () => {
    // tail(1) keeps what it may have to write.
    const keep = 'head -c 100000000 /dev/zero | tail -c 90000000 | wc -c'
    assert.equal((await run(keep, noLimits)).output.trim(), '90000000')
    assert.equal((await run(keep, all)).output.trim(), '0')
  })
})

test('on Node, a warning names what does not apply', async () => {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) })
  await using _ = await openTestWorkers('node', { log, limits: { ...all, gitFileSize: undefined } })
  const [warning, ...others] = lines.filter((line) => line.includes('no limits'))
  assert.deepEqual(others, [])
  assert.match(warning!, /SLUICE_GIT_MEMORY, SLUICE_GIT_CPU_TIME, SLUICE_GIT_OPEN_FILES: workers on Node set no limits/)
})

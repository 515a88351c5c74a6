import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { pino } from 'pino'
import { until } from '@sluice/shared/testing/until'
import { processes, startOf, ticksNow } from '../../src/process/process-table.ts'
import type { Process } from '../../src/process/process-table.ts'
import type { ProcessTable, RequestMark } from '../../src/process/request-processes.ts'
import { LeakCheck } from '../../src/process/leak-check.ts'

const silent = pino({ level: 'silent' })

type Sleeper = ChildProcess & { readonly pid: number }

async function startSleeper(env: Record<string, string> = {}): Promise<Sleeper> {
  const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore', env })
  await once(child, 'spawn')
  return child as Sleeper
}

async function end(child: Sleeper): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** After the tick in which a process has started: what is over is over later. */
async function nextTick(): Promise<void> {
  const now = ticksNow()
  await until('the next tick', () => ticksNow() > now + 1)
}

const markOf = (child: Sleeper): RequestMark => ({ leader: child.pid, word: 'none', since: startOf(child.pid)! })

test('what lives of a request that is over is counted and ended, and nothing else', async () => {
  const lines: string[] = []
  using leakCheck = new LeakCheck(pino({}, { write: (line: string) => void lines.push(line) }))
  const child = await startSleeper()
  const other = await startSleeper({ IN_SLUICE: 'another' })
  assert.deepEqual(leakCheck.look(), { processes: 0, zombies: 0 })
  await nextTick()
  const ended = once(child, 'exit')
  leakCheck.isOver(markOf(child))
  assert.deepEqual(leakCheck.look(), { processes: 1, zombies: 0 })
  assert.match(lines.at(-1) ?? '', new RegExp(`"processes":\\[{"pid":${child.pid},"name":"sleep"}\\]`))
  assert.deepEqual(await ended, [null, 'SIGTERM'])
  assert.deepEqual(leakCheck.look(), { processes: 0, zombies: 0 })
  assert.equal(other.exitCode ?? other.signalCode, null)
  await end(other)
})

test('what does not obey is killed at the next look', async () => {
  using leakCheck = new LeakCheck(silent)
  const script = 'trap "" TERM; echo ready; while :; do sleep 1; done'
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  await nextTick()
  const ended = once(child, 'exit')
  leakCheck.isOver(markOf(child as unknown as Sleeper))
  leakCheck.look()
  await until('the sleep to have been ended, and to be started anew', () => leakCheck.last.processes > 0)
  leakCheck.look()
  assert.deepEqual(await ended, [null, 'SIGKILL'])
  await until('nothing to be left', () => leakCheck.look().processes === 0)
})

test('a process, or a whole session, that has a worker’s number after it is a stranger’s', async () => {
  using leakCheck = new LeakCheck(silent)
  const stranger = await startSleeper()
  const { pid, since } = { pid: stranger.pid, since: startOf(stranger.pid)! }
  // As though a worker had had that pid, and been over, before.
  const past: ProcessTable = { processes, environmentOf: () => undefined, ticksNow: () => since - 50 }
  using earlier = new LeakCheck(silent, past)
  earlier.isOver({ leader: pid, word: 'a word', since: since - 100 })
  assert.deepEqual(earlier.look(), { processes: 0, zombies: 0 })
  assert.equal(stranger.exitCode ?? stranger.signalCode, null)
  await nextTick()
  leakCheck.isOver(markOf(stranger))
  assert.equal(leakCheck.look().processes, 1, 'one that is older than the end is none')
  await end(stranger)
})

/** A table of processes that are not there; none of them can be hit. */
function tableOf(rows: readonly (Partial<Process> & { pid: number; word?: string })[], now: number): ProcessTable {
  const far = 2 ** 40
  const words = new Map(rows.map(({ pid, word }) => [pid, word]))
  return {
    processes: () =>
      rows.map((row) => {
        const { pid } = row
        const basis = { name: 'it', state: 'S', parent: 1, group: pid, session: pid, startedAt: 0 }
        return { ...basis, ...row, startedAt: far + (row.startedAt ?? 0) }
      }),
    environmentOf: (pid) => (words.get(pid) === undefined ? [] : ['A=b', `IN_SLUICE=${words.get(pid)}`]),
    ticksNow: () => far + now,
  }
}

const far = 2 ** 40

/** What a leak check finds of one request: worker 100, from tick 10 to tick 20, with the word `mine`. */
function found(rows: Parameters<typeof tableOf>[0]): number {
  using leakCheck = new LeakCheck(silent, tableOf(rows, 20))
  leakCheck.isOver({ leader: 100, word: 'mine', since: far + 10 })
  const { processes: live, zombies } = leakCheck.look()
  return live + zombies
}

const cases: [what: string, rows: Parameters<typeof tableOf>[0], count: number][] = [
  ['a member of its session', [{ pid: 101, session: 100, group: 101, startedAt: 15 }], 1],
  ['a zombie of its group', [{ pid: 101, session: 100, group: 100, startedAt: 15, state: 'Z' }], 1],
  ['a stranger with its pid', [{ pid: 100, startedAt: 30 }], 0],
  [
    'a stranger with its pid, and what it started',
    [
      { pid: 100, startedAt: 30 },
      { pid: 101, parent: 100, session: 100, group: 100, startedAt: 31 },
    ],
    0,
  ],
  ['the children of such a stranger that has ended', [{ pid: 101, session: 100, group: 100, startedAt: 31 }], 0],
  [
    'what an old member has started since',
    [
      { pid: 101, session: 100, startedAt: 15 },
      { pid: 102, session: 100, parent: 1, startedAt: 40 },
    ],
    2,
  ],
  ['an orphan with its word', [{ pid: 101, startedAt: 15, word: 'mine' }], 1],
  [
    'an orphan with another word, or none',
    [
      { pid: 101, startedAt: 15, word: 'yours' },
      { pid: 102, startedAt: 15 },
    ],
    0,
  ],
  ['an orphan with an empty word', [{ pid: 101, startedAt: 15, word: '' }], 0],
  [
    'the children of an orphan with its word, whatever they have',
    [
      { pid: 99, parent: 101, startedAt: 40 },
      { pid: 101, startedAt: 15, word: 'mine' },
    ],
    2,
  ],
  [
    'what a daemon has started with a copy of its environment',
    [
      { pid: 50, startedAt: -100 },
      { pid: 101, parent: 50, startedAt: 15, word: 'mine' },
    ],
    0,
  ],
  ['an orphan with its word that is younger than its end', [{ pid: 101, startedAt: 30, word: 'mine' }], 0],
  ['an orphan with its word that is older than it', [{ pid: 101, startedAt: 5, word: 'mine' }], 0],
]
for (const [what, rows, count] of cases) {
  test(`${what}: ${count === 0 ? 'is not its' : 'counts'}`, () => assert.equal(found(rows), count))
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { GitCommand } from '../git/command.ts'
import type { GitReport, Leftover } from '../process/worker-message.ts'
import { isLive, startOf } from '../process/process-table.ts'
import type { Process } from '../process/process-table.ts'
import { processesOf, wordVariable } from '../process/request-processes.ts'
import type { RequestMark } from '../process/request-processes.ts'
import { signalAll } from '../process/session.ts'
import { guard } from './guard.ts'

/*
 * A worker on Node, for hosts without Bun. Node cannot become a subreaper, nor wait for processes that it did not start.
 * So what git leaves behind is found in /proc, and reaped by PID 1.
 */

guard({ run, hasLeftovers, leftovers, terminate, kill })

let mark: RequestMark | undefined

/** At most so many of the processes that outlived git are named. */
const maxNamed = 10

async function run({ argv: [program = '', ...args], env, cwd, niceness = 0 }: GitCommand): Promise<GitReport> {
  mark = { leader: process.pid, word: env[wordVariable] ?? '', since: startOf(process.pid) ?? 0 }
  if (niceness !== 0) setPriority(niceness)
  const git = spawn(program, args, { env, cwd, stdio: 'inherit' })
  closeSync(0)
  closeSync(1)
  const [code, signal] = (await once(git, 'exit')) as [number | null, string | null]
  return { code, signal, cpuMs: null, maxRssBytes: null }
}

function hasLeftovers(): boolean {
  return others().length > 0
}

function leftovers(): Leftover[] {
  return others()
    .slice(0, maxNamed)
    .map(({ pid, name }) => ({ pid, name }))
}

function terminate(): void {
  process.kill(-process.pid, 'SIGTERM')
  signalAll(others(), 'SIGTERM')
}

/** Kills the group, and with it the worker. The supervisor ends what has left the group. */
function kill(): void {
  process.kill(-process.pid, 'SIGKILL')
}

function others(): Process[] {
  return mark ? processesOf(mark).filter((it) => isLive(it) && it.pid !== process.pid) : []
}

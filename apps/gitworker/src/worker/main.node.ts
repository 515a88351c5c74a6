import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import type { GitCommand } from '@sluice/shared/worker-message'
import { sessionMembers } from '../process-table.ts'
import { guard } from './guard.ts'
import type { RunningGit } from './runtime.ts'

/*
 * A worker on Node, for where Bun is missing. Node cannot become a subreaper or wait for processes that it did not
 * start, so what git leaves behind is found in /proc, and reaped by PID 1.
 */

guard({ start, hasLeftovers, terminate, kill })

function start({ argv: [program = '', ...args], env, cwd }: GitCommand): RunningGit {
  const git = spawn(program, args, { env, cwd, stdio: ['inherit', 'inherit', 'pipe'] })
  closeSync(0)
  closeSync(1)
  const exited = once(git, 'exit').then(([code, signal]: (number | string | null)[]) => ({
    code: code as number | null,
    signal: signal as string | null,
    cpuMs: null,
    maxRssBytes: null,
  }))
  return { exited, stderr: git.stderr }
}

function hasLeftovers(): boolean {
  return sessionMembers(process.pid).some((pid) => pid !== process.pid)
}

function terminate(): void {
  process.kill(-process.pid, 'SIGTERM')
}

/** The group, and with it the worker: its own pid is the one number that cannot have become a stranger's. */
function kill(): void {
  process.kill(-process.pid, 'SIGKILL')
}

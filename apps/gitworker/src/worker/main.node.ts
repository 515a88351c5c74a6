import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import type { GitCommand, GitReport } from '@sluice/shared/worker-message'
import { sessionMembers } from '../process-table.ts'
import { guard } from './guard.ts'

/*
 * A worker on Node, for where Bun is missing. Node cannot become a subreaper or wait for processes that it did not
 * start, so what git leaves behind is found in /proc, and reaped by PID 1.
 */

guard({ run, hasLeftovers, terminate, kill })

async function run({ argv: [program = '', ...args], env, cwd }: GitCommand): Promise<GitReport> {
  const git = spawn(program, args, { env, cwd, stdio: 'inherit' })
  closeSync(0)
  closeSync(1)
  const [code, signal] = (await once(git, 'exit')) as [number | null, string | null]
  return { code, signal, cpuMs: null, maxRssBytes: null }
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

import { dlopen } from 'bun:ffi'
import type { GitCommand } from '../git/command.ts'
import type { GitReport, Leftover } from '../process/worker-message.ts'
import { guard } from './guard.ts'

/*
 * A worker on Bun. As a child subreaper (prctl(2)), it becomes the parent of whatever git leaves behind, even of a process
 * that has taken a session of its own. So nothing is left to PID 1, and waitpid(2) proves that nothing is left at all.
 * `Bun.spawn` and libc's close are used because node:child_process and node:fs would double the time of the start.
 */

const { symbols: libc } = dlopen('libc.so.6', {
  close: { args: ['i32'], returns: 'i32' },
  prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
  waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
})

const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1

/** At most so many of the processes that outlived git are named. */
const maxNamed = 10

if (libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) !== 0) throw new Error('prctl(PR_SET_CHILD_SUBREAPER) failed')

guard({ run, hasLeftovers, leftovers, terminate, kill })

async function run({ argv, env, cwd }: GitCommand): Promise<GitReport> {
  const git = Bun.spawn([...argv], { env, cwd, stdio: ['inherit', 'inherit', 'inherit'] })
  libc.close(0)
  libc.close(1)
  await git.exited
  const usage = git.resourceUsage()
  return {
    code: git.exitCode,
    signal: git.signalCode,
    cpuMs: usage ? Number(usage.cpuTime.total) / 1000 : null,
    maxRssBytes: usage ? usage.maxRSS : null,
  }
}

/** Reaps what has ended. waitpid(2) returns 0 if children live, and -1 if there are none (ECHILD). */
function hasLeftovers(): boolean {
  let pid: number
  do pid = libc.waitpid(-1, null, WNOHANG)
  while (pid > 0)
  return pid === 0
}

function terminate(): void {
  process.kill(-process.pid, 'SIGTERM')
  signalChildren('SIGTERM')
}

/** The children of each child that dies become the worker's, so this is called until there are no leftovers. */
function kill(): void {
  signalChildren('SIGKILL')
}

function leftovers(): Leftover[] {
  const { readFileSync } = fileSystem()
  return children()
    .slice(0, maxNamed)
    .map((pid) => ({ pid, name: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() }))
}

function signalChildren(signal: NodeJS.Signals): void {
  for (const pid of children()) process.kill(pid, signal)
}

/** The worker's own children. Until they are reaped, their pids cannot be other processes'. */
function children(): number[] {
  const { readdirSync, readFileSync } = fileSystem()
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** Loaded on demand: most workers never need it, and it takes 4 ms. */
function fileSystem() {
  return require('node:fs') as typeof import('node:fs')
}

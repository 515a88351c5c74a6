import { dlopen } from 'bun:ffi'
import type { GitCommand } from '../git/command.ts'
import type { GitReport, Leftover } from '../process/worker-message.ts'
import { guard } from './guard.ts'

/*
 * A worker on Bun. As a child subreaper (prctl(2)) it becomes the parent of whatever git leaves behind, even of what
 * took a session of its own: nothing is left for PID 1, and waitpid(2) is the kernel's own word that nothing is left at
 * all. `Bun.spawn` and libc's close are used where node:child_process and node:fs would double the worker's start.
 */

const { symbols: libc } = dlopen('libc.so.6', {
  close: { args: ['i32'], returns: 'i32' },
  prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
  waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
})

const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1

/** So many of the processes that outlived git are named. */
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

/** Reaps what has ended. 0 means that children live, -1 that there are none (ECHILD). */
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

/** Each child that dies hands its own children to the worker, so this is called until `hasLeftovers` says no. */
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

/** Unreaped children of one's own: their pids cannot be anybody else's. */
function children(): number[] {
  const { readdirSync, readFileSync } = fileSystem()
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** Loaded here only, because most workers never need it and it takes 4 ms. */
function fileSystem() {
  return require('node:fs') as typeof import('node:fs')
}

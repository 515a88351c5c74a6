import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { controlGroups, readField, readNumber, readText } from './control-group.ts'

/** How many processes there may be, and how many there are. Each thread counts as one. */
export type ProcessLimit = {
  readonly limit: number | undefined
  readonly used: number
  /** What sets the limit: `pids.max of /kubepods/pod7`. */
  readonly from: string
}

/**
 * The tightest of all limits that bind fork(2): the one that leaves the fewest processes.
 *
 * @param files the root of the file system whose /proc and /sys are read
 */
export function tightestProcessLimit(files = '/'): ProcessLimit {
  const none: ProcessLimit = { limit: undefined, used: 0, from: 'nothing' }
  const all = [...ofControlGroups(files), ...ofUser(files), ...ofKernel(files)]
  return all.reduce((tightest, one) => (leftOf(one) < leftOf(tightest) ? one : tightest), none)
}

function leftOf({ limit, used }: ProcessLimit): number {
  return limit === undefined ? Infinity : limit - used
}

/** The files have the same names in both versions; the root of a hierarchy has none. */
function ofControlGroups(files: string): ProcessLimit[] {
  return controlGroups('pids', files).map(({ name, folder }) => ({
    limit: readNumber(join(folder, 'pids.max')),
    used: readNumber(join(folder, 'pids.current')) ?? 0,
    from: `pids.max of ${name}`,
  }))
}

/** RLIMIT_NPROC: counted for all processes of the user. */
function ofUser(files: string): ProcessLimit[] {
  const limit = readField(readText(join(files, 'proc/self/limits')), 'Max processes')
  const status = readText(join(files, 'proc/self/status'))
  const user = readField(status, 'Uid')
  if (limit === undefined || user === undefined || isExempt(files, status, user)) return []
  return [{ limit, used: threadsOf(user, files), from: `the limit on processes of user ${user} (ulimit -u)` }]
}

/** capabilities(7): CAP_SYS_ADMIN is 21, CAP_SYS_RESOURCE 24; either lifts RLIMIT_NPROC. */
const liftsProcessLimit = (1n << 21n) | (1n << 24n)

/**
 * setrlimit(2): the limit binds neither root nor a user with one of two capabilities, unless in a user namespace of
 * their own.
 */
function isExempt(files: string, status: string | undefined, user: number): boolean {
  const map = readText(join(files, 'proc/self/uid_map')) ?? wholeRange
  if (map.trim().split(/\s+/).join(' ') !== wholeRange) return false
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(status ?? '')?.[1] ?? '0'
  return user === 0 || (BigInt(`0x${capabilities}`) & liftsProcessLimit) !== 0n
}

/** The map of the first namespace, as user_namespaces(7) shows it. */
const wholeRange = '0 0 4294967295'

function threadsOf(user: number, files: string): number {
  const processes = readdirSync(join(files, 'proc')).filter((name) => /^\d+$/.test(name))
  const statuses = processes.map((pid) => readText(join(files, 'proc', pid, 'status')))
  return statuses
    .filter((status) => readField(status, 'Uid') === user)
    .reduce((sum, status) => sum + (readField(status, 'Threads') ?? 0), 0)
}

/** Limits of the whole machine, sysctl(8). /proc/loadavg has the number of all threads after its slash. */
function ofKernel(files: string): ProcessLimit[] {
  const used = Number(/\/(\d+)/.exec(readText(join(files, 'proc/loadavg')) ?? '')?.[1] ?? 0)
  const sysctl = (name: string) => ({
    limit: readNumber(join(files, 'proc/sys/kernel', name)),
    used,
    from: `kernel.${name}`,
  })
  return [sysctl('pid_max'), sysctl('threads-max')]
}

import { readdirSync, readFileSync } from 'node:fs'

/** A line of the kernel's process table: /proc/<pid>/stat, proc_pid_stat(5). */
export type Process = {
  readonly pid: number
  /** One letter: `Z` is a zombie, which runs nothing. */
  readonly state: string
  readonly group: number
  readonly session: number
}

/** All processes. Reads a file for each: some milliseconds on a busy host. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((process) => process !== undefined)
}

/** Whether it runs. Zombies do not, though kill(2) with signal 0 cannot tell them from the living. */
export function isLive({ state }: Process): boolean {
  return state !== 'Z' && state !== 'X'
}

/** The pids of the live processes whose session or group is `leader`'s. */
export function sessionMembers(leader: number): number[] {
  return processes()
    .filter((process) => isLive(process) && (process.group === leader || process.session === leader))
    .map(({ pid }) => pid)
}

/**
 * What tells a process from a later one with the same pid: its start, in ticks since the boot that is named. Undefined if
 * there is no such process.
 */
export function identityOf(pid: number): string | undefined {
  const startedAt = readFields(pid)?.[19]
  return startedAt === undefined ? undefined : `${pid} ${startedAt} ${boot()}`
}

function boot(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

function readProcess(pid: number): Process | undefined {
  const [state = '', , group, session] = readFields(pid) ?? []
  return session === undefined ? undefined : { pid, state, group: Number(group), session: Number(session) }
}

/** The fields from the third on; the second is the program's name, which may contain spaces and parentheses. */
function readFields(pid: number): string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return line.slice(line.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined // It ended while we looked.
  }
}

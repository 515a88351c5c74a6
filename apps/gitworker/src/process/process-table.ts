import { readdirSync, readFileSync } from 'node:fs'

/** A line of the kernel's process table: /proc/<pid>/stat, proc_pid_stat(5). */
export type Process = {
  readonly pid: number
  /** The program's name as the kernel has it: at most 15 bytes. */
  readonly name: string
  /** One letter. `Z` is a zombie: a process that has ended and has not been reaped. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** In ticks since the boot (see `ticksNow`). Together with the pid, it identifies a process. */
  readonly startedAt: number
}

/** All processes. Reads a file for each: some milliseconds on a busy host. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((process) => process !== undefined)
}

/** Whether it runs. kill(2) with signal 0 would succeed for zombies, too. */
export function isLive({ state }: Process): boolean {
  return state !== 'Z' && state !== 'X'
}

/** Whether a process has been stopped by a signal such as SIGSTOP, and not by a debugger. */
export function isStopped(pid: number): boolean {
  return readProcess(pid)?.state === 'T'
}

/** The pids of the live processes whose session or group is `leader`'s. */
export function sessionMembers(leader: number): number[] {
  return processes()
    .filter((process) => isLive(process) && (process.group === leader || process.session === leader))
    .map(({ pid }) => pid)
}

/** When a process started, in ticks since the boot. Undefined if there is no such process. */
export function startOf(pid: number): number | undefined {
  return readProcess(pid)?.startedAt
}

/** Whether the pid still belongs to the process that was seen. To be called right before a signal is sent. */
export function isSame({ pid, startedAt }: Process): boolean {
  return startOf(pid) === startedAt
}

/** The environment that a process was started with, as `NAME=value`. Undefined for another user's, a zombie, or none. */
export function environmentOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return undefined
  }
}

/** The time since the boot in ticks. Towards programs, Linux always has 100 a second. */
export function ticksNow(): number {
  return Math.floor(parseFloat(readFileSync('/proc/uptime', 'utf8')) * 100 + 0.5)
}

/**
 * Identifies a process, also after this machine has been restarted: its pid, its start in ticks since the boot, and the
 * boot's id. Undefined if there is no such process.
 */
export function identityOf(pid: number): string | undefined {
  const line = readStat(pid)
  const startedAt = line === undefined ? undefined : fieldsOf(line)[19]
  return startedAt === undefined ? undefined : `${pid} ${startedAt} ${boot()}`
}

let bootId: string | undefined

/** Tells one start of this machine from the others. */
export function boot(): string {
  return (bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
}

/** Undefined if there is no such process. */
export function readProcess(pid: number): Process | undefined {
  const line = readStat(pid)
  if (line === undefined) return undefined
  const [state = '', parent, group, session, ...more] = fieldsOf(line)
  const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'))
  const startedAt = Number(more[15])
  return { pid, name, state, parent: Number(parent), group: Number(group), session: Number(session), startedAt }
}

/** The fields from the third on. The second is the program's name, which may contain spaces and parentheses. */
function fieldsOf(line: string): string[] {
  return line.slice(line.lastIndexOf(')') + 2).split(' ')
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined // It ended while we looked.
  }
}

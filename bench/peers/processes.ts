import { readFileSync, readdirSync } from 'node:fs'

type Entry = { readonly pid: number; readonly parent: number; readonly name: string; readonly started: string }

/** All processes, from proc_pid_stat(5). */
function table(): Entry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => entryOf(Number(name)) ?? [])
}

function entryOf(pid: number): Entry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    return { pid, parent: Number(fields[1]), name, started: fields[19]! }
  } catch {
    return undefined
  }
}

/** Some processes and all of their descendants, as far as parents still live. */
export function treeOf(roots: readonly number[]): Entry[] {
  const children = Map.groupBy(table(), ({ parent }) => parent)
  const found = roots.flatMap((pid) => entryOf(pid) ?? [])
  for (const { pid } of found) found.push(...(children.get(pid) ?? []))
  return found
}

/** The memory of processes in MiB. A page that several share counts for each in part (proc_pid_smaps(5)). */
export function memoryMiB(pids: readonly number[]): number {
  let kib = 0
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0)
    } catch {
      // It has just ended.
    }
  }
  return kib / 1024
}

/** User and system time in milliseconds, in ticks of 10 ms: proc_pid_stat(5). */
export type CpuTime = {
  readonly own: number
  /** Of the children that were waited for, and of those that they waited for. */
  readonly children: number
}

/** The CPU time of some processes together. One that has ended counts as nothing. */
export function cpuTimeOf(pids: readonly number[]): CpuTime {
  const times = pids.map((pid) => cpuTimes(pid))
  return {
    own: times.reduce((sum, { own }) => sum + own, 0),
    children: times.reduce((sum, { children }) => sum + children, 0),
  }
}

function cpuTimes(pid: number): CpuTime {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * 10)
    return { own: user! + system!, children: childrenUser! + childrenSystem! }
  } catch {
    return { own: 0, children: 0 }
  }
}

/** Ends the processes in `entries` that still live. A pid that is another process's by now is left alone. */
export function killThose(entries: readonly Entry[]): void {
  for (const { pid, started } of entries) {
    if (entryOf(pid)?.started === started) kill(pid, 'SIGKILL')
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended.
  }
}

import { readdirSync, readFileSync } from 'node:fs'

/**
 * The pids of the live processes whose session or process group is `leader`'s. Zombies do not count: they run nothing,
 * and kill(2) with signal 0 cannot tell them from the living.
 *
 * Source: /proc/<pid>/stat, proc_pid_stat(5). Reads every process's line: some milliseconds on a busy host.
 */
export function sessionMembers(leader: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid)
      return (
        stat !== undefined &&
        stat.state !== 'Z' &&
        stat.state !== 'X' &&
        (stat.group === leader || stat.session === leader)
      )
    })
}

function readStat(pid: number): { state: string; group: number; session: number } | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in parentheses; it may itself contain spaces and parentheses.
    const [state = '', , group, session] = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return { state, group: Number(group), session: Number(session) }
  } catch {
    return undefined // It ended while we looked.
  }
}

import { readdir, readFile } from 'node:fs/promises'

export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

export async function isAlive(pid: number): Promise<boolean> {
  const stat = await statOf(pid)
  return stat !== undefined && stat.state !== 'Z'
}

/** The letter of a process's state, as in proc_pid_stat(5); undefined if there is no such process. */
export async function stateOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.state
}

/** From proc_pid_stat(5); undefined if there is no such process. */
async function statOf(pid: number): Promise<{ state: string; parent: number } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  const [state = '', parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return stat === undefined ? undefined : { state, parent: Number(parent) }
}

/**
 * The live processes that have a text in their environment.
 *
 * @param apps are left out, and with them what they have forked: until execve(2), a worker has its supervisor's
 *   environment
 */
export async function processesWith(text: string, apps: number[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      if (!environment.includes(text) || apps.includes(pid)) return undefined
      const stat = await statOf(pid)
      return stat && stat.state !== 'Z' && !apps.includes(stat.parent) ? pid : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

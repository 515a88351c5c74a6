import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes what killed runs have left in `folder`: entries that are named after a process id that no process has. */
export async function removeLeftovers(folder: string, pattern: RegExp): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = Number(pattern.exec(name)?.[1] ?? process.pid)
    if (!isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

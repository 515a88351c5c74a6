import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sessionMembers } from './process-table.ts'

/*
 * receive-pack keeps what is pushed in `objects/tmp_objdir-incoming-*` until the hooks have agreed. A signal makes it
 * leave that folder behind. Whose it is stands in the environment of those who work in it (index-pack, hooks), as
 * GIT_QUARANTINE_PATH; only what a request's own processes name is that request's to remove.
 */

const quarantineName = /^(tmp_objdir-)?incoming-\w+$/

/** Finds the quarantines of a session while its processes live, and removes them when they are gone. */
export class Sweep {
  readonly #leader: number
  readonly #found = new Set<string>()

  constructor(leader: number) {
    this.#leader = leader
  }

  look(): void {
    for (const path of quarantinesOf(sessionMembers(this.#leader))) this.#found.add(path)
  }

  remove(): void {
    for (const path of this.#found) removeQuarantine(path)
  }
}

/** The quarantines that these processes work in. */
export function quarantinesOf(pids: readonly number[]): string[] {
  return pids.map(quarantineOf).filter((path) => path !== undefined)
}

function quarantineOf(pid: number): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return variables.find((variable) => variable.startsWith('GIT_QUARANTINE_PATH='))?.split('=', 2)[1]
  } catch {
    return undefined // It ended while we looked.
  }
}

/** Removes a quarantine if it is one: a folder of git's name for it, in a folder of objects. */
export function removeQuarantine(path: string): void {
  if (basename(dirname(path)) !== 'objects' || !quarantineName.test(basename(path))) return
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) rmSync(path, { recursive: true, force: true })
}

/** The quarantines in a repository that are older than a time (milliseconds since 1970). */
export function quarantinesBefore(gitDir: string, time: number): string[] {
  const objects = join(gitDir, 'objects')
  try {
    return readdirSync(objects)
      .filter((name) => quarantineName.test(name))
      .map((name) => join(objects, name))
      .filter((path) => lstatSync(path).mtimeMs < time)
  } catch {
    return [] // The repository is gone.
  }
}

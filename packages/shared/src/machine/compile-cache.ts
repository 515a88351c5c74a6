import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

/**
 * Keeps what Node makes of this application's sources and libraries, so that the next start takes half of the time: no
 * types to strip, nothing to compile. To be called before anything else is imported.
 *
 * What lies in the cache is run, so that it is used only where nobody else can have put it there. Where that cannot be,
 * starting takes longer.
 *
 * @param owned a folder of this application alone; created if its parent is there
 */
export function useCompileCache(owned: string): void {
  const folder = join(owned, 'compile-cache')
  try {
    if (isOnlyOurs(owned, 0o755) && isOnlyOurs(folder, 0o700)) enableCompileCache(folder)
  } catch {
    // Whether the folder can be used at all is found out when it is opened.
  }
}

/** Writes what was compiled to disk now: at its usual time, the end, a process that is killed would not do so. */
export function keepCompiled(): void {
  flushCompileCache()
}

/** Whether it is a folder, no link, that only this process's user can write to. */
function isOnlyOurs(folder: string, mode: number): boolean {
  if (!existsSync(folder)) mkdirSync(folder, { mode })
  const found = lstatSync(folder)
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

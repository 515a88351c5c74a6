import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

/**
 * Keeps what Node makes of this application's sources and libraries. The next start then takes half of the time, since
 * there are no types to strip and nothing to compile. Call it before anything else is imported.
 *
 * What is in the cache is run, so the cache is used only where nobody else can have written to it. Otherwise starting
 * takes longer.
 *
 * @param owned a folder of this application alone; created if its parent exists
 */
export function useCompileCache(owned: string): void {
  const folder = join(owned, 'compile-cache')
  try {
    if (isOnlyOurs(owned, 0o755) && isOnlyOurs(folder, 0o700)) enableCompileCache(folder)
  } catch {
    // A folder that cannot be used at all is reported later, when the application opens it.
  }
}

/** Writes what was compiled to disk now. Node does so when the process exits, which a killed process never does. */
export function keepCompiled(): void {
  flushCompileCache()
}

/** Whether this is a folder (not a link) that only the user of this process can write to. */
function isOnlyOurs(folder: string, mode: number): boolean {
  if (!existsSync(folder)) mkdirSync(folder, { mode })
  const found = lstatSync(folder)
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

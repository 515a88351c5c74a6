import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { foundFromBeforeBoot } from '../../../sweep/before-boot.ts'
import { incomingFolder } from './object-paths.ts'

/**
 * Removes what uploads have left that ended with the machine. Those of an earlier supervisor are noted, and removed at the
 * start of the next: this is for notes that are gone, since the runtime directory does not survive the machine.
 */
export function removeOldIncoming(gitDir: string): void {
  const folder = incomingFolder(gitDir)
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    if (foundFromBeforeBoot(path, gitDir)) unlinkSync(path)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

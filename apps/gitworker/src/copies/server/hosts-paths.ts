import { readsPath } from '../link/ask-reads.ts'
import { givenPath, outcomePath } from '../link/given.ts'
import { keptPath } from '../link/kept.ts'
import { objectPagePath, objectPath, toldObjectsPath } from '../link/told-objects.ts'
import { followPath, objectsPath, pushPath, textsPath } from '../link/told.ts'
import { progressPath } from '../progress/told-progress.ts'
import { purgePath, trashPath } from '../trash/told-trash.ts'

const plainPaths: ReadonlySet<string> = new Set([
  followPath,
  keptPath,
  readsPath,
  toldObjectsPath,
  givenPath,
  outcomePath,
  purgePath,
  trashPath,
  progressPath,
])

const askedPaths = [objectsPath, textsPath, pushPath, objectPagePath, objectPath] as const

/** Whether a request is one that only hosts make. No repository can have such a name. */
export function isHostsPath(url: string): boolean {
  return plainPaths.has(url) || askedPaths.some((path) => url.startsWith(`${path}?`))
}

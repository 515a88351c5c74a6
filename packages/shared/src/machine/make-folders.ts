import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './errno.ts'

/**
 * Makes a folder and its parents, where they do not exist yet. Node's own way (`recursive`) never ends where the system
 * denies a folder that exists, as below /proc.
 *
 * @returns the outermost folder that was made; undefined where there was nothing to do
 * @throws the system's error
 */
export async function makeFolders(path: string, mode = 0o777): Promise<string | undefined> {
  if (await isFolder(path)) return undefined
  const parent = dirname(path)
  const outermost = parent === path ? undefined : await makeFolders(parent, mode)
  try {
    await mkdir(path, { mode })
  } catch (error) {
    // Somebody else has made it in the meantime.
    if (errnoOf(error) === 'EEXIST' && (await isFolder(path))) return outermost
    throw error
  }
  return outermost ?? path
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

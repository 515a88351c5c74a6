import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './errno.ts'

/**
 * Makes a folder and its parents, if they do not exist yet. Node's own `recursive` option never returns if the system
 * denies a folder that exists, as below /proc.
 *
 * @returns the outermost folder that was made; undefined if all existed
 * @throws the system's error
 */
export async function makeFolders(path: string, mode = 0o777): Promise<string | undefined> {
  if (await isFolder(path)) return undefined
  const parent = dirname(path)
  const outermost = parent === path ? undefined : await makeFolders(parent, mode)
  try {
    await mkdir(path, { mode })
  } catch (error) {
    // Another process has made it in the meantime.
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

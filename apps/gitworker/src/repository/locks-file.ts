import { join } from 'node:path'

/** What ten thousand locks take, if their paths are not unusually long. In bytes. */
export const maxLocksBytes = 2 * 1024 * 1024

/** Where the locks of LFS are, which go with the repository. @param folder its git directory, or what its work trees share */
export function locksFileIn(folder: string): string {
  return join(folder, 'lfs', 'locks.json')
}

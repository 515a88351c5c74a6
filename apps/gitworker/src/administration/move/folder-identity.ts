import { lstatSync } from 'node:fs'

/** The same for the same folder after any rename, and for no other: inode numbers are used again, times of birth are not. */
export function identityOfFolder(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found?.isDirectory() ? `${found.dev} ${found.ino} ${found.birthtimeNs}` : undefined
}

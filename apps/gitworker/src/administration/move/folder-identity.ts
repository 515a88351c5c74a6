import { lstatSync } from 'node:fs'

/**
 * The same for the same folder after any rename, and for no other: inode numbers are used again, times of birth are not. The
 * number of the device is left out, since each machine, and each boot, has another one for the same folder on a network.
 */
export function identityOfFolder(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found?.isDirectory() ? `${found.ino} ${found.birthtimeNs}` : undefined
}

/** @param noted of an earlier time. Up to version 0.2, the number of the device came first */
export function isIdentityOf(noted: string, path: string): boolean {
  const now = identityOfFolder(path)
  return now !== undefined && (noted === now || noted.endsWith(` ${now}`))
}

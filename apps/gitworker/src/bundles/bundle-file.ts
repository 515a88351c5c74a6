import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

/*
 * A repository has one bundle at most: `bundles/default.bundle` in its own folder, where git looks for nothing. So it goes
 * along when the repository is renamed or deleted, and a fork has none. Only maintenance writes it, and puts it there as a
 * whole.
 */

/** A bundle as it lies on disk. */
export type BundleFile = {
  /** The commit that its one branch leads to. It holds everything that this commit leads to, and nothing else. */
  readonly id: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly changedAt: number
}

export function bundleFolder(gitDir: string): string {
  return join(gitDir, 'bundles')
}

export function bundlePath(gitDir: string): string {
  return join(bundleFolder(gitDir), 'default.bundle')
}

/** Whether there may be one. Costs one system call. */
export function hasBundle(gitDir: string): boolean {
  return statSync(bundlePath(gitDir), { throwIfNoEntry: false }) !== undefined
}

/** @returns undefined where there is no bundle, or none that Sluice has made */
export function readBundle(gitDir: string): BundleFile | undefined {
  if (!hasBundle(gitDir)) return undefined
  try {
    return readBundleAt(bundlePath(gitDir))
  } catch {
    // It has just been removed, or cannot be read: as if it were not there.
    return undefined
  }
}

/** @throws an error of the file system, or one that says that this is no such bundle */
export function readBundleAt(path: string): BundleFile {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return bundleIn(file)
  } finally {
    closeSync(file)
  }
}

/** @param file an open one @throws as `readBundleAt` */
export function bundleIn(file: number): BundleFile {
  const { size: bytes, mtimeMs: changedAt } = fstatSync(file)
  const beginning = Buffer.alloc(headBytes)
  const count = readSync(file, beginning, 0, headBytes, 0)
  const [, id] = head.exec(beginning.toString('latin1', 0, count)) ?? []
  if (id === undefined) throw new Error('This is no bundle of one whole branch.')
  return { id, bytes, changedAt }
}

/** gitformat-bundle(5): without prerequisites and filters, and with one branch, whose name has 4096 bytes at most. */
const head = /^# v[23] git bundle\n(?:@object-format=\w+\n)?([0-9a-f]{40,64}) refs\/heads\/[^\n]+\n\nPACK/
const headBytes = 5000

import { hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { RefStorage } from '../../git/repository-config.ts'
import { locksFileIn, maxLocksBytes } from '../../repository/locks-file.ts'
import { commonDirOf } from '../../repository/repository.ts'

/** A repository that cannot be copied as it is. The message says why, and what to do. */
export class NotCopiableError extends Error {
  override readonly name = 'NotCopiableError'
}

/** Of the configuration, and of the description, of a repository that is to be copied. In bytes. */
export const maxTextBytes = 64 * 1024

/** What people have written about a repository. One character for each byte; empty where there is no such file. */
export type RepositoryTexts = {
  readonly config: string
  readonly description: string
  /** The file of LFS's locks. */
  readonly locks: string
}

/** The same, as a state has it: the file of locks may be long. */
export type KnownTexts = Omit<RepositoryTexts, 'locks'> & {
  /** 64 hexadecimal digits; empty where there is no such file. */
  readonly locksHash: string
}

/**
 * Synchronous: the files are short, and as a rule in the kernel's memory, where this takes microseconds.
 *
 * @throws {NotCopiableError} where one is too large; the file system's error where it cannot be read
 */
export function readTexts(gitDir: string): RepositoryTexts {
  const folder = commonDirOf(gitDir)
  return {
    config: textOf(join(folder, 'config')),
    description: textOf(join(folder, 'description')),
    locks: textOf(locksFileIn(folder), maxLocksBytes, 'Unlock what nobody needs locked.'),
  }
}

export function knownTexts({ locks, ...texts }: RepositoryTexts): KnownTexts {
  return { ...texts, locksHash: hashOfLocks(locks) }
}

export function hashOfLocks(locks: string): string {
  return locks === '' ? '' : hash('sha256', Buffer.from(locks, 'latin1'))
}

/** The same for the same texts. 64 hexadecimal digits. */
export function hashOfTexts({ config, description, locksHash }: KnownTexts): string {
  return hash('sha256', JSON.stringify([config, description, ...(locksHash === '' ? [] : [locksHash])]))
}

/** The primary's git has written it. Whether the copy's is of the same kind is checked by git before it is used. */
export function refStorageIn(config: string): RefStorage {
  return /^\s*refstorage\s*=\s*reftable\s*$/im.test(config) ? 'reftable' : 'files'
}

function textOf(path: string, maxBytes = maxTextBytes, advice = shorten): string {
  const file = openedOrNot(path)
  if (file === undefined) return ''
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw new NotCopiableError(`${path} is no file, so it cannot be copied.`)
    const buffer = Buffer.alloc(Math.min(maxBytes, stats.size) + 1)
    const bytes = readSync(file, buffer, 0, buffer.length, 0)
    if (stats.size <= maxBytes) return buffer.toString('latin1', 0, bytes)
    throw new NotCopiableError(`${path} is larger than ${maxBytes / 1024} KiB, so it cannot be copied. ${advice}`)
  } finally {
    closeSync(file)
  }
}

const shorten = 'Make it shorter, for example with [include] of a file that all hosts have.'

/** A pipe in its place must not block the whole host. */
function openedOrNot(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

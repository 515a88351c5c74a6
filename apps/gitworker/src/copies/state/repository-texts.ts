import { hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { RefStorage } from '../../git/repository-config.ts'
import { commonDirOf } from '../../repository/repository.ts'

/** A repository that cannot be copied as it is. The message says why, and what to do. */
export class NotCopiableError extends Error {
  override readonly name = 'NotCopiableError'
}

/** Of the configuration, and of the description, of a repository that is to be copied. In bytes. */
export const maxTextBytes = 64 * 1024

/** What people have written about a repository. One character for each byte; empty where there is no such file. */
export type RepositoryTexts = { readonly config: string; readonly description: string }

/**
 * Synchronous: the files are short, and as a rule in the kernel's memory, where this takes microseconds.
 *
 * @throws {NotCopiableError} where one is too large; the file system's error where it cannot be read
 */
export function readTexts(gitDir: string): RepositoryTexts {
  const folder = commonDirOf(gitDir)
  return { config: textOf(join(folder, 'config')), description: textOf(join(folder, 'description')) }
}

/** The same for the same texts. 64 hexadecimal digits. */
export function hashOfTexts({ config, description }: RepositoryTexts): string {
  return hash('sha256', JSON.stringify([config, description]))
}

/** The primary's git has written it. Whether the copy's is of the same kind is checked by git before it is used. */
export function refStorageIn(config: string): RefStorage {
  return /^\s*refstorage\s*=\s*reftable\s*$/im.test(config) ? 'reftable' : 'files'
}

function textOf(path: string): string {
  const file = openedOrNot(path)
  if (file === undefined) return ''
  try {
    if (!fstatSync(file).isFile()) throw new NotCopiableError(`${path} is no file, so it cannot be copied.`)
    const buffer = Buffer.alloc(maxTextBytes + 1)
    const bytes = readSync(file, buffer, 0, buffer.length, 0)
    if (bytes <= maxTextBytes) return buffer.toString('latin1', 0, bytes)
    throw new NotCopiableError(
      `${path} is larger than ${maxTextBytes / 1024} KiB, so it cannot be copied. Make it shorter, for example with [include] of a file that all hosts have.`,
    )
  } finally {
    closeSync(file)
  }
}

/** A pipe in its place must not block the whole host. */
function openedOrNot(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

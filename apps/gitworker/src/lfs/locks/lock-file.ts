import { constants } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { z } from 'zod'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { maxLocksBytes } from '../../repository/locks-file.ts'
import { isFull } from '../storage/disk/incoming-file.ts'
import type { Lock } from './lock.ts'

/*
 * The locks of a repository are one small file. It is replaced as a whole, so that nobody ever reads half of it:
 *
 *   FILE.new written, fsync ──▶ rename over FILE ──▶ fsync of the folder ──▶ the client hears of it
 *
 * A process that is killed leaves the old file or the new one, and perhaps FILE.new, which the next change writes anew.
 * Whoever changes a file sees to it that nobody else does so at the same time.
 */

const form = z.object({
  version: z.literal(1),
  next: z.int().min(1),
  locks: z.array(z.object({ id: z.int(), path: z.string(), owner: z.string(), lockedAt: z.string() })),
})

/** All locks of a repository, in the order in which they were made. */
export type LockTable = {
  /** The id of the lock that comes next. */
  readonly next: number
  readonly locks: readonly Lock[]
}

/** @throws {Refusal} `lfs_locks_unreadable`. The file is never replaced where it cannot be read */
export async function readLocks(file: string): Promise<LockTable> {
  try {
    const text = await readText(file)
    return text === undefined ? { next: 1, locks: [] } : form.parse(JSON.parse(text))
  } catch (cause) {
    throw new Refusal('lfs_locks_unreadable', { cause })
  }
}

/** @returns undefined where there is no file */
async function readText(file: string): Promise<string | undefined> {
  try {
    // Opening a pipe must not block.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFile()) throw new Error(`${file} is no file`)
    if (stats.size > maxLocksBytes) throw new Error(`${file} has more than ${maxLocksBytes} bytes`)
    return await handle.readFile('utf8')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

/**
 * The table is on the disk when it resolves.
 *
 * @throws {Refusal} `lfs_too_many_locks`, `disk_full`
 * @throws the file system's error
 */
export async function writeLocks(file: string, { next, locks }: LockTable): Promise<void> {
  // A line for each, for people.
  const lines = locks.map((lock) => JSON.stringify(lock)).join(',\n')
  const text = `{"version":1,"next":${next},"locks":[\n${lines}\n]}\n`
  if (Buffer.byteLength(text) > maxLocksBytes) throw new Refusal('lfs_too_many_locks')
  try {
    await replace(file, text)
  } catch (error) {
    throw isFull(error) ? new Refusal('disk_full', { cause: error }) : error
  }
}

/** An upload that fails removes the folder if it finds it empty: perhaps between its making and its use. */
const mostTries = 5

async function replace(file: string, text: string): Promise<void> {
  const folder = dirname(file)
  const unfinished = `${file}.new`
  for (let tries = 1; ; tries++) {
    if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(dirname(folder))
    try {
      await writeWhole(unfinished, text)
      break
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === mostTries) throw error
    }
  }
  await rename(unfinished, file)
  await syncFolder(folder)
}

async function writeWhole(path: string, text: string): Promise<void> {
  await using handle = await open(path, 'w')
  await handle.writeFile(text)
  await handle.sync()
}

/** Makes a new name in a folder outlive a loss of power. */

import { randomUUID } from 'node:crypto'
import { existsSync, lstatSync, rmdirSync, rmSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { z } from 'zod'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'

/*
 * Which objects of the bucket are a repository's. A random name says it, which is noted in the repository when its first
 * object comes. So it goes with the repository to another name, to the trash and into backups:
 *
 *   <git directory>/lfs/s3.json       {"home": "5f0c…", "inode": "1234"}
 *   <prefix><home>/objects/<SHA-256>  an object
 *                 /used/<SHA-256>     empty: when somebody was about to push a reference to it
 *
 * A repository that was copied as a folder has the note of another one. The inode shows it. What is in the bucket is then
 * served, and nothing of it is removed for the copy.
 */

const form = z.object({ home: z.string().regex(/^[0-9a-f]{32}$/), inode: z.string().optional() })

export type Home = {
  readonly name: string
  /** Whether it was noted in this folder, and not in one that this is a copy of. */
  readonly isOwn: boolean
}

/** @returns undefined where the repository has no objects yet. @throws {Refusal} `lfs_storage_failed` */
export async function homeOf(gitDir: string): Promise<Home | undefined> {
  try {
    const { home, inode } = form.parse(JSON.parse(await readFile(noteIn(gitDir), 'utf8')))
    return { name: home, isOwn: inode === undefined || inode === inodeOf(gitDir) }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw new Refusal('lfs_storage_failed', { cause })
  }
}

/** A home in which something may be stored. Disposing of it before anything is takes it back, if it was new. */
export type LentHome = Disposable & {
  readonly home: Home
  /** To be called when something has been stored in it. */
  keep(): void
}

/** Makes homes: one for a repository, also where several ask for it at once. */
export class Homes {
  readonly #making = new Map<string, Promise<Home>>()
  /** How many have been lent a home in which nothing is stored yet, by git directory. */
  readonly #unused = new Map<string, { users: number }>()

  /** A home in which others will store something, sooner or later. @throws {Refusal} `lfs_storage_failed` */
  async keep(gitDir: string): Promise<Home> {
    this.#unused.delete(gitDir)
    return await this.#make(gitDir)
  }

  /**
   * A home for one object, which may not come. So a repository that was made for it is as it was made.
   *
   * @throws {Refusal} `lfs_storage_failed`
   */
  async lend(gitDir: string): Promise<LentHome> {
    let unused = this.#unused.get(gitDir)
    const isNew = unused !== undefined || !existsSync(noteIn(gitDir))
    unused ??= { users: 0 }
    // In one turn of the event loop with the look, so that nobody takes the home back meanwhile.
    unused.users++
    if (isNew) this.#unused.set(gitDir, unused)
    const release = () => {
      if (--unused.users > 0 || this.#unused.get(gitDir) !== unused) return
      this.#unused.delete(gitDir)
      forget(gitDir)
    }
    try {
      const home = await this.#make(gitDir)
      return { home, keep: () => void this.#unused.delete(gitDir), [Symbol.dispose]: release }
    } catch (error) {
      release()
      throw error
    }
  }

  async #make(gitDir: string): Promise<Home> {
    const making = this.#making.get(gitDir) ?? findOrMake(gitDir)
    this.#making.set(gitDir, making)
    try {
      return await making
    } finally {
      if (this.#making.get(gitDir) === making) this.#making.delete(gitDir)
    }
  }
}

async function findOrMake(gitDir: string): Promise<Home> {
  const found = await homeOf(gitDir)
  if (found) return found
  const name = randomUUID().replaceAll('-', '')
  try {
    await note(gitDir, { home: name, inode: inodeOf(gitDir) })
  } catch (cause) {
    throw new Refusal('lfs_storage_failed', { cause })
  }
  return { name, isOwn: true }
}

/** The note is on the disk, as a whole, before anything is stored under its name. */
async function note(gitDir: string, content: z.infer<typeof form>): Promise<void> {
  const path = noteIn(gitDir)
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const unfinished = `${path}.new`
  {
    await using handle = await open(unfinished, 'w')
    await handle.writeFile(`${JSON.stringify(content)}\n`)
    await handle.sync()
  }
  await rename(unfinished, path)
  for (const changed of [folder, gitDir]) await syncFolder(changed)
}

function forget(gitDir: string): void {
  try {
    rmSync(noteIn(gitDir), { force: true })
    rmdirSync(dirname(noteIn(gitDir)))
  } catch {
    // Something else is in the folder.
  }
}

function noteIn(gitDir: string): string {
  return join(gitDir, 'lfs', 's3.json')
}

function inodeOf(gitDir: string): string {
  return String(lstatSync(gitDir, { bigint: true }).ino)
}

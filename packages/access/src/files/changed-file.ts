import { constants } from 'node:fs'
import { access, link, lstat, open, readlink, rename } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { maxFileBytes } from '../file-size.ts'
import { FileProblem, inWords } from './file-problem.ts'
import { lockFile } from './file-lock.ts'
import { planNewFile } from './new-file.ts'
import type { NewFile } from './new-file.ts'
import { openTemporary, syncFolder } from './temporary-file.ts'

/** How often a file may change under a command before it gives up. */
const mostTries = 20

/**
 * Changes a small text file as a whole: nobody ever reads half of it, whatever happens. Owner, group and mode stay.
 *
 *     lock ──▶ read ──▶ change ──▶ write beside it, fsync ──▶ is it still what was read? ──▶ rename, fsync the folder
 *                ▲                                                      │ no: somebody else has changed it
 *                └──────────────────────────────────────────────────────┘
 *
 * @param change makes the new text of the old one, which is undefined where there is no file. It may be called again,
 *   and may throw: then nothing is changed
 * @returns the mode and group of a file that was made. Undefined where there was one
 * @throws {FileProblem}
 */
export async function changeFile(
  path: string,
  change: (text: string | undefined) => string,
): Promise<NewFile | undefined> {
  try {
    await using _lock = await lockFile(path)
    for (let tries = 0; tries < mostTries; tries++) {
      const before = await readExisting(path)
      const text = change(before?.text)
      if (text === before?.text) return undefined
      if (Buffer.byteLength(text) > maxFileBytes) throw tooLarge(path)
      const made = before ? undefined : await planNewFile(path)
      if (await write(path, text, before ?? made!)) return made
    }
  } catch (error) {
    throw inWords(error, path)
  }
  throw new FileProblem(`${path} is being changed by another program all the time. Nothing was changed.`)
}

/**
 * Finds out early whether a file could be changed, or made, before somebody is asked for what would go into it.
 *
 * @throws {FileProblem}
 */
export async function checkChangeable(path: string): Promise<void> {
  try {
    await readExisting(path)
    await access(dirname(path), constants.W_OK | constants.X_OK)
  } catch (error) {
    throw inWords(error, path)
  }
}

type Existing = { readonly text: string; readonly stats: Stats }
type Stats = Awaited<ReturnType<typeof statsOf>>

/** @returns undefined where there is no file */
async function readExisting(path: string): Promise<Existing | undefined> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return undefined
  if (found.isSymbolicLink()) {
    const target = await readlink(path)
    throw new FileProblem(
      `${path} is a symbolic link to ${target}. Change the file where it comes from (a secret of Kubernetes with kubectl), or name the file itself. Nothing was changed.`,
    )
  }
  if (!found.isFile()) throw new FileProblem(`${path} is no file.`)
  await access(path, constants.R_OK | constants.W_OK)
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  const stats = await statsOf(handle)
  if (stats.size > maxFileBytes) throw tooLarge(path)
  return { text: decode(await handle.readFile(), path), stats }
}

/** The gateway would not read it. */
function tooLarge(path: string): FileProblem {
  return new FileProblem(`${path} may have at most ${maxFileBytes} bytes. Nothing was changed.`)
}

/** Text that is not UTF-8 would not come out as it went in. */
function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new FileProblem(`${path} is not UTF-8 text. Nothing was changed.`, { cause })
  }
}

/** @returns false where another program has changed or made the file in the meantime */
async function write(path: string, text: string, file: Existing | NewFile): Promise<boolean> {
  await using temporary = await openTemporary(path)
  const isNew = 'mode' in file
  if (isNew) await temporary.handle.chown(process.geteuid!(), file.gid)
  else await keepOwner(temporary.handle, file.stats, path)
  await temporary.handle.chmod(isNew ? file.mode : Number(file.stats.mode & 0o777n))
  await temporary.handle.writeFile(text)
  await temporary.handle.sync()
  const isDone = isNew ? await linkTo(temporary.path, path) : await renameOver(temporary.path, path, file.stats)
  if (isDone) await syncFolder(dirname(path))
  return isDone
}

async function keepOwner(handle: FileHandle, { uid, gid }: Stats, path: string): Promise<void> {
  const own = await statsOf(handle)
  if (own.uid === uid && own.gid === gid) return
  try {
    await handle.chown(Number(uid), Number(gid))
  } catch (cause) {
    throw new FileProblem(
      `${path} belongs to the user ${uid} and the group ${gid}, and only they or root can keep it so: run this command as one of them. Nothing was changed.`,
      { cause },
    )
  }
}

async function renameOver(from: string, to: string, before: Stats): Promise<boolean> {
  const now = await lstat(to, { bigint: true }).catch(() => undefined)
  const isSame = now?.ino === before.ino && now.mtimeNs === before.mtimeNs && now.ctimeNs === before.ctimeNs
  if (isSame) await rename(from, to)
  return isSame
}

/** A file that somebody else makes at the same time stays. */
async function linkTo(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  return true
}

async function statsOf(handle: FileHandle) {
  return await handle.stat({ bigint: true })
}

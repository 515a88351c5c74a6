import { setTimeout as pause } from 'node:timers/promises'
import { join, relative } from 'node:path'
import { plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { realOr } from '../lending/alternates.ts'
import { borrowersOf } from '../lending/borrowers.ts'
import { lentFolders } from '../lending/borrowings.ts'
import type { Borrower } from '../lending/borrowings.ts'
import { removeEmptyAbove } from '../move/empty-folders.ts'
import { movableFolder } from '../move/movable.ts'
import { moveRepository } from '../move/move-repository.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import { foundRepository, keysOf } from '../operation/found-repository.ts'
import type { FoundRepository } from '../operation/found-repository.ts'
import type { Progress } from '../operation/operation.ts'
import type { Kept, TrashEntry } from '../trash/trash-note.ts'
import { closeRepositories } from './closed-repositories.ts'
import type { MovingServices } from './held-repository.ts'

/** What the cluster has no repository for any more, or other hosts keep, is kept for so long, unless the primary's trash says otherwise. */
const keptMs = 24 * 60 * 60_000

/**
 * The folders of objects that some repository of this host borrows from: one look at all of them, for many that are moved.
 *
 * @returns undefined where something cannot be read, so that it is not known
 * @throws {Refusal} `repository_busy` where repositories are moved all the time
 */
export async function lentNow({ root, trash, notes }: MovingServices): Promise<ReadonlySet<string> | undefined> {
  let isWhole = true
  const onUnreadable = () => void (isWhole = false)
  const lent = await whileNothingMoves(notes, () => lentFolders(root, trash, onUnreadable))
  return isWhole ? lent : undefined
}

/**
 * Moves the copy of a repository that its primary has not, or not any more, to the trash of this host. Those that borrow
 * objects from it find them there: forks of the time when this host was the primary. Requests that are still reading it are
 * waited for, and then left to fail, since what they read was deleted.
 *
 * @param services `lent`: from `lentNow`, not long ago; otherwise all repositories are looked at
 * @param kept what the primary's trash says of it, if it is there; `dropped`: other hosts keep it
 * @returns what the trash of this host has then
 * @throws {Refusal} `repository_busy`, `not_movable`, `borrowers_unknown`; the file system's error
 */
export async function discardCopy(
  services: MovingServices & { readonly lent?: ReadonlySet<string> | undefined },
  repository: string,
  kept: Kept | 'dropped' | undefined,
  progress: Progress,
): Promise<TrashEntry> {
  const { root, turns, trash, notes, lent } = services
  const found = foundRepository(root, repository)
  const folder = movableFolder(root, found.name, found.gitDir)
  using holding = new DisposableStack()
  holding.use(turns.take(found.keys, 'delete'))
  const lends = lent?.has(realOr(join(found.gitDir, 'objects'))) ?? true
  const borrowers = lends ? await whileNothingMoves(notes, () => borrowersOf(found.gitDir, root, trash)) : []
  holding.use(turns.take([...new Set(borrowers.flatMap((one) => keysOf(one.name, one.gitDir)))], 'delete'))
  return await moveToTrash(services, { ...found, folder, borrowers }, kept, progress)
}

/**
 * Moves a repository to the trash that has its name only until it is decided whether it is renamed to that.
 *
 * @param isMeant asked when nothing else is done with it
 * @returns what the trash has then; undefined where it is not the one that is meant
 * @throws {Refusal} `repository_busy`, `repository_missing`, `borrowers_unknown`; the file system's error
 */
export async function withdrawRepository(
  services: MovingServices,
  repository: string,
  isMeant: (gitDir: string) => Promise<boolean>,
): Promise<TrashEntry | undefined> {
  const { root, turns, trash, notes } = services
  const found = foundRepository(root, repository)
  const folder = movableFolder(root, repository, found.gitDir)
  using holding = new DisposableStack()
  holding.use(turns.take(found.keys, 'rename'))
  if (!(await isMeant(found.gitDir))) return undefined
  const borrowers = await whileNothingMoves(notes, () => borrowersOf(found.gitDir, root, trash))
  holding.use(turns.take([...new Set(borrowers.flatMap((one) => keysOf(one.name, one.gitDir)))], 'rename'))
  return await moveToTrash(services, { ...found, folder, borrowers }, undefined, {
    signal: new AbortController().signal,
    tell: () => {},
  })
}

/** A repository on which no other operation works, nor on those that borrow from it. */
export type Discarded = Pick<FoundRepository, 'name' | 'gitDir'> & {
  readonly folder: string
  readonly borrowers: readonly Borrower[]
}

/** @returns what the trash has then @throws {Refusal}; the file system's error */
export async function moveToTrash(
  services: MovingServices,
  { name, gitDir, folder, borrowers }: Discarded,
  kept: Kept | 'dropped' | undefined,
  progress: Progress,
): Promise<TrashEntry> {
  const { root, trash, notes } = services
  using _closed = await closedOrLeft(services, [gitDir, ...borrowers.map((one) => one.gitDir)], progress)
  const places = { absolute: folder, relative: relative(root, folder) }
  const entry = trash.prepare(plainName(name), places, relative(folder, gitDir), keptOf(kept))
  const move = { folder, gitDir, target: entry.path, borrowers: borrowers.map((one) => one.gitDir) }
  try {
    await moveRepository(move, notes, () => {})
  } catch (error) {
    await trash.forget(entry.id)
    throw error
  }
  removeEmptyAbove(root, folder)
  return entry
}

/** Waits for the requests that are at work in them, for a while. */
async function closedOrLeft(
  services: MovingServices,
  gitDirs: readonly string[],
  progress: Progress,
): Promise<Disposable> {
  try {
    return await closeRepositories(services, gitDirs, progress)
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== 'repository_in_use') throw error
    for (const gitDir of gitDirs) services.answers?.forget(gitDir)
    return { [Symbol.dispose]: () => {} }
  }
}

function keptOf(kept: Kept | 'dropped' | undefined): Kept {
  if (typeof kept === 'object') return kept
  return kept === 'dropped' ? { ...keptForADay(), isDropped: true } : keptForADay()
}

export function keptForADay(): Kept {
  return { keptUntil: new Date(Date.now() + keptMs).toISOString() }
}

const signEveryMs = 1000

/** Gives signs of life while something is done that takes long and shows nothing, but not for ever. */
export async function withSigns<T>(act: () => Promise<T>, onProgress: () => void, mostMs: number): Promise<T> {
  const over = new AbortController()
  const sign = async () => {
    const until = performance.now() + mostMs
    while (performance.now() < until) {
      await pause(signEveryMs, undefined, { signal: over.signal, ref: false })
      onProgress()
    }
  }
  sign().catch(() => {})
  try {
    return await act()
  } finally {
    over.abort()
  }
}

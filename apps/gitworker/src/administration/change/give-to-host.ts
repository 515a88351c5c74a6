import { basename } from 'node:path'
import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { BegunGiving, Giver, Giving } from '../../copies/giving/giver.ts'
import { UncertainGiftError } from '../../copies/giving/open-giving.ts'
import { NotCopiableError } from '../../copies/state/repository-texts.ts'
import { readGivenMark } from '../../repository/given-mark.ts'
import type { RunJob } from '../../process/job/job.ts'
import { isInsideRepository } from '../../repository/repository.ts'
import { borrowersOf } from '../lending/borrowers.ts'
import { leftBehind } from '../move/left-behind.ts'
import { movableFolder } from '../move/movable.ts'
import { syncMove } from '../move/sync-move.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import { foundRepository, keysOf } from '../operation/found-repository.ts'
import type { FoundRepository } from '../operation/found-repository.ts'
import type { HeldPlace } from '../operation/held-operation.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import { newTrashId } from '../trash/trash-id.ts'
import { closeToChanges } from './closed-repositories.ts'
import { keptForADay, moveToTrash } from './discard-copy.ts'
import type { MovingServices } from './held-repository.ts'

/*
 * A rename to a name that another host keeps, on a disk of its own:
 *
 *   the other host copies all of it, under no name yet              pushes go on
 *   pushes are refused, and those that run are waited for           it is read all the while
 *   the other host copies what they have changed, gives it the
 *   new name, and brings it to the copies of that                   it takes no pushes under its new name
 *   the old one goes to the trash here, and at its copies           this decides
 *   the other host hears of that                                    it takes pushes under its new name
 *
 * Until the old one is in the trash, all can be broken off: it is as it was, and the other host removes what it has, when it
 * has asked (copies/giving/undecided-gifts.ts).
 */

export type GivingServices = {
  /** Undefined where no other host has a disk of its own, or this host is stopped. */
  readonly giver: Pick<Giver, 'begin'> | undefined
}

export type GivenToHost = {
  readonly renamed: string
  readonly to: string
  /** Those that borrow objects from it find them in the trash from now on. */
  readonly borrowers: readonly string[]
  readonly host: string
  /** What the old one has, and the new one has not. It is in the trash, under this id. */
  readonly notCopied: readonly string[]
  readonly trash: string
  /** Whether the other host has not heard yet that the old name is gone: until then, the new one takes no pushes. */
  readonly isUnheard?: true
}

type Place = HeldPlace & { readonly otherHost: string }

/**
 * Gives a repository a name that another host keeps.
 *
 * @throws {Refusal} `repository_missing`, `repository_exists`, `repository_in_use`, `not_movable`, `half_renamed` … Other than
 *   by `half_renamed`, nothing has changed
 */
export async function renameToHost(
  services: MovingServices & GivingServices & { readonly runJob: RunJob },
  { repository, to }: OperationOf<'rename'>,
  progress: Progress,
  { otherHost: host, checkIsOurs, confirm }: Place,
): Promise<GivenToHost> {
  const { root, turns, trash, notes, runJob } = services
  const found = foundRepository(root, repository)
  const { gitDir, keys } = found
  const folder = movableFolder(root, repository, gitDir)
  if (basename(gitDir) === '.git') throw notMovable('It has a work tree, which would stay on the disk of this host.')
  checkRepositoryName(to)
  if (isInsideRepository(root, to)) throw new Refusal('cannot_create')
  using holding = new DisposableStack()
  holding.use(turns.take([...keys, ...keysOf(to)], 'rename'))
  if (await readGivenMark(gitDir, runJob)) throw notRenamedYet(repository)
  const findBorrowers = () => whileNothingMoves(notes, () => borrowersOf(gitDir, root, trash))
  // What would be refused in the end is refused before hours of copying.
  await findBorrowers()
  const trashId = newTrashId(new Date())
  await using giving = await begin(services, found, { kind: 'rename', to, host, trash: trashId }, progress)
  const borrowers = await findBorrowers()
  holding.use(turns.take([...new Set(borrowers.flatMap((one) => keysOf(one.name, one.gitDir)))], 'rename'))
  using _closed = await closeToChanges(services, gitDir, progress)
  const notCopied = leftBehind(gitDir)
  progress.tell(`giving it the name ${to} on ${host}`)
  const names = { repository, to, host }
  const toTheEnd = { ...progress, signal: never }
  const { path: target } = await orUndone(names, async () => {
    await giving.finish()
    await checkIsOurs()
    const kept = { ...keptForADay(), id: trashId, renamedTo: { name: plainName(to), host } }
    return await moveToTrash(services, { ...found, folder, borrowers }, kept, toTheEnd)
  })
  await orUnknown(names, async () => {
    await syncMove({ folder, target })
    await confirm(toTheEnd)
  })
  const isHeard = await giving.conclude()
  const borrowing = borrowers.map(({ name }) => name)
  const done = { renamed: repository, to, borrowers: borrowing, host, notCopied, trash: trashId }
  return isHeard ? done : { ...done, isUnheard: true }
}

const never = new AbortController().signal

/**
 * Makes a fork on the disk of another host, with objects of its own.
 *
 * @throws {Refusal} `repository_exists`, `not_forkable`, `operation_failed` …
 */
export async function forkToHost(
  { turns, giver }: Pick<MovingServices, 'turns'> & GivingServices,
  found: FoundRepository,
  to: string,
  progress: Progress,
  { otherHost: host }: Place,
): Promise<{ readonly forked: string; readonly to: string; readonly borrows: boolean; readonly host: string }> {
  using _turn = turns.take([...found.keys, ...keysOf(to)], 'fork')
  await using giving = await begin(
    { giver },
    found,
    { kind: 'fork', to, host, trash: newTrashId(new Date()) },
    progress,
  )
  try {
    await giving.finish()
  } catch (error) {
    if (!(error instanceof UncertainGiftError)) throw error
    const made = error.isMade ? 'is made' : 'may have been made'
    const sentence = `The fork ${named(to)} ${made} on the host ${host}, and it is not certain that all of its copies have it. ${error.message} Look at it there (sluice repo show); if it is missing, try again.`
    throw new Refusal('operation_failed', { sentence, cause: error })
  }
  return { forked: found.name, to, borrows: false, host }
}

async function begin(
  { giver }: GivingServices,
  { name, gitDir }: FoundRepository,
  giving: Omit<Giving, 'repository' | 'gitDir'>,
  { signal, tell }: Progress,
): Promise<BegunGiving> {
  if (!giver) throw new Refusal('misplaced', { sentence: `The name ${named(giving.to)} falls to ${giving.host}.` })
  tell(`copying it to the host ${giving.host}, which keeps the name ${giving.to}`)
  try {
    return await giver.begin({ ...giving, repository: name, gitDir }, { signal, onWords: tell })
  } catch (cause) {
    if (!(cause instanceof NotCopiableError)) throw cause
    const reason = giving.kind === 'fork' ? 'not_forkable' : 'not_movable'
    throw new Refusal(reason, { sentence: `It cannot be copied to the host ${giving.host}: ${cause.message}`, cause })
  }
}

type Names = { readonly repository: string; readonly to: string; readonly host: string }

/** Until the old one is in the trash, whatever fails leaves it as it was. */
async function orUndone<T>({ repository, to, host }: Names, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    const isOver = cause instanceof Refusal && cause.reason === 'term_over'
    if (!isOver && (cause instanceof Refusal || !(cause instanceof Error))) throw cause
    const why = isOver ? 'Another host keeps it now.' : wordsOf(cause)
    const sentence = `${named(repository)} was not renamed. It is as it was, and takes pushes. ${why} If ${named(to)} is there on the host ${host}, it takes no pushes, and that host removes it as soon as it hears of this. Try again then.`
    throw new Refusal('operation_failed', { sentence, cause })
  }
}

/** It is in the trash here, and the other hosts may not have heard of that. */
async function orUnknown({ repository, to, host }: Names, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (cause) {
    const sentence = `It is not known whether ${named(repository)} was renamed, because of this: ${wordsOf(cause)} Nothing is lost. The hosts that keep both names find out by themselves, and then one of both is there. Until then, ${named(to)} takes no pushes on the host ${host}. Look which one it is (sluice repo show, on the host of each name).`
    throw new Refusal('half_renamed', { sentence, cause })
  }
}

function wordsOf(error: unknown): string {
  const words = error instanceof Refusal ? error.sentence : error instanceof Error ? error.message : String(error)
  return /[.!?]$/.test(words) ? words : `${words}.`
}

function named(repository: string): string {
  return JSON.stringify(repository)
}

/** Its mark says what it was renamed from. With another one, it could not be known which of three names is to be left. */
function notRenamedYet(repository: string): Refusal {
  const sentence = `${named(repository)} is getting this name at the moment: its old name is not gone yet. Try again in a moment.`
  return new Refusal('repository_moving', { sentence })
}

function notMovable(why: string): Refusal {
  const sentence = `This repository cannot be renamed to a name that another host keeps. ${why}`
  return new Refusal('not_movable', { sentence })
}

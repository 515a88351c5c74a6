import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import type { Lane } from '@sluice/shared/admission/lane'
import { slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import type { Making } from '../../creation/repository-maker.ts'
import { forItself } from '../../process/job/job.ts'
import { findRepository } from '../../repository/repository.ts'
import { newerTermMs } from '../copy/term/current-term.ts'
import type { ObjectServices } from '../copy/take-objects.ts'
import type { FetchServices } from '../copy/fetch-state.ts'
import type { Finished, Given } from '../link/given.ts'
import { confirmCopies, confirmObjects } from '../primary/confirm-copies.ts'
import type { Copies } from '../primary/copies.ts'
import type { SlotView } from '../slot-view.ts'
import { refStorageIn } from '../state/repository-texts.ts'
import { fillFork, fillRest, fillWhole } from './fill-repository.ts'
import type { UndecidedGifts } from './undecided-gifts.ts'

/*
 * The receiver's side of a gift: see given.ts.
 *
 *   is this host the primary of the new name? is the giver that of the old one? is the name free? ── no ──▶ refused
 *   make a repository that has no name yet, and fetch into it
 *
 *   a fork       ready ──▶ it gets its name ──▶ its copies have it ──▶ made
 *   a rename     it gets its name, with a mark, and takes no pushes ──▶ its copies have it ──▶ ready
 *                the giver says what it is in the end ──▶ fetch what is missing ──▶ its copies have it ──▶ made
 *                the giver says that the old name is gone ──▶ it takes pushes
 *
 *   Whatever fails before `made` removes it. After that: undecided-gifts.ts.
 */

/** A fork is made, and it is not certain that all of its copies have it. */
export class NotConfirmedError extends Error {
  override readonly name = 'NotConfirmedError'
}

export type ReceiveServices = FetchServices &
  ObjectServices & {
    readonly root: string
    readonly view: SlotView
    /** Keeps a name on this host until it is disposed of. @throws {Refusal} where another host is its primary */
    readonly hold: (repository: string) => Tenure
    /** Makes a repository of a new name, on which nothing else works. @throws {Refusal} where it is taken */
    readonly make: (repository: string, making: Making) => Promise<void>
    readonly copies: Pick<Copies, 'confirm' | 'confirmObjects'>
    /** Called with a repository that was made. */
    readonly onReceived: (gitDir: string) => void
    /** What is received takes turns in it. */
    readonly receiving: Lane
    /** Finds out what becomes of a repository that has its new name, and opens it to pushes or removes it. */
    readonly undecided: Pick<UndecidedGifts, 'open' | 'withdraw' | 'look'>
    /** To be called while a repository that has its name is fetched into. */
    readonly enter: (gitDir: string) => Disposable
  }

export type Receiving = {
  readonly given: Given
  /** Aborted when the giver is gone, or this host stops. */
  readonly leaving: AbortSignal
  /** Aborted when this host stops. */
  readonly ending: AbortSignal
  /** Called with what git says. */
  readonly onWords: (words?: Buffer) => void
  /** Called with a line for people. */
  readonly tell: (line: string) => void
  /** Tells the giver that all is here. @returns what it is in the end @throws where the giver is gone */
  readonly ready: () => Promise<Finished>
  /** Tells the giver that it is made. Resolves when the old name is gone. @throws where the giver is gone */
  readonly made: () => Promise<void>
}

/**
 * Returns when a fork is made, and when what is renamed takes pushes.
 *
 * @throws {NotConfirmedError} where a fork was made; {Refusal}, {JobError} where git fails, {Error} where the giver breaks off
 */
export async function receiveRepository(services: ReceiveServices, receiving: Receiving): Promise<void> {
  const { receiving: lane, undecided } = services
  const { given, leaving, made } = receiving
  const { to } = given
  checkRepositoryName(to)
  if (plainName(to) !== to) throw new Refusal('bad_operation', { sentence: 'This is no plain name.' })
  await checkGiver(services.view, given)
  using tenure = services.hold(to)
  using _slot = await lane.admit(forItself, leaving)
  await services.make(to, await makingOf(services, receiving, tenure))
  if (given.kind === 'fork') return await confirmMade(services, receiving, tenure)
  let mayBeGone = false
  try {
    await bringRest(services, receiving, tenure)
    mayBeGone = true
    await made()
    await undecided.open(to, given.from.gift)
  } catch (error) {
    // Before the giver has heard that it is made, its old name stays, whatever the giver does.
    if (mayBeGone) undecided.look(to)
    else await undecided.withdraw(to, given.from.gift)
    throw error
  }
}

/** Brings it to its copies, and then what has changed meanwhile. @throws {Refusal}, {JobError}, {Error} as what it does */
async function bringRest(services: ReceiveServices, receiving: Receiving, tenure: Tenure): Promise<void> {
  const { root, copies, enter } = services
  const { given, ready } = receiving
  const { to } = given
  const found = findRepository(root, to)
  if (!found) throw new Refusal('repository_missing')
  await bringToCopies(services, receiving, tenure)
  const last = await ready()
  {
    using _use = enter(found.gitDir)
    await fillRest(services, found.gitDir, receiving, last, (taken) => confirmObjects(copies, to, tenure, taken))
  }
  await bringToCopies(services, receiving, tenure)
}

/** @throws {NotConfirmedError} */
async function confirmMade(services: ReceiveServices, receiving: Receiving, tenure: Tenure): Promise<void> {
  try {
    await bringToCopies(services, receiving, tenure)
  } catch (cause) {
    throw new NotConfirmedError(wordsOf(cause), { cause })
  }
}

async function bringToCopies(
  { root, sync, copies, onReceived }: ReceiveServices,
  { given: { to }, ending, tell }: Receiving,
  tenure: Tenure,
): Promise<void> {
  const found = findRepository(root, to)
  // Its new name must outlive a loss of power before the old one goes.
  if (found) await sync(found.gitDir, [])
  if (found) onReceived(found.gitDir)
  tell(`bringing ${to} to the other hosts that keep it`)
  await confirmCopies(copies, to, tenure)
  await tenure.confirm(ending)
}

function wordsOf(error: unknown): string {
  return error instanceof Refusal ? error.sentence : String(error)
}

/** A configuration can make git run programs: nobody but the primary of the old name may give it. */
async function checkGiver(view: SlotView, { from }: Given): Promise<void> {
  const slot = slotOf(from.repository)
  const isPrimary = () => view.slot(slot)?.primary === from.primary && view.slot(slot)?.term === from.term
  const until = performance.now() + newerTermMs
  for (let left = newerTermMs; left > 0 && !isPrimary(); left = until - performance.now()) {
    await view.changed(slot, left)
  }
  if (isPrimary()) return
  const sentence = `It does not know ${from.primary} as the host that keeps ${JSON.stringify(from.repository)}. Try again in a moment.`
  throw new Refusal('misplaced', { sentence })
}

async function makingOf(services: ReceiveServices, receiving: Receiving, tenure: Tenure): Promise<Making> {
  const { kind, from, state } = receiving.given
  const { format } = state
  let isBegun = false
  const furnish = async (hidden: string) => {
    // The giver says only once that a fork is made.
    if (isBegun) throw new Refusal('create_failed')
    isBegun = true
    await (kind === 'fork' ? fillFork : fillWhole)(services, hidden, receiving)
    if (!tenure.isLive) throw new Refusal('no_lease')
  }
  if (kind === 'fork') return { format, furnish }
  const { config } = await services.ask.texts(from, receiving.leaving)
  return { format, refStorage: refStorageIn(config), furnish }
}

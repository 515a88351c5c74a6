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
import { confirmCopies } from '../primary/confirm-copies.ts'
import type { Copies } from '../primary/copies.ts'
import type { SlotView } from '../slot-view.ts'
import { refStorageIn } from '../state/repository-texts.ts'
import { fillFork, fillWhole } from './fill-repository.ts'

/*
 * The receiver's side of a gift: see given.ts.
 *
 *   is this host the primary of the new name? is the giver that of the old one? is the name free? ── no ──▶ refused
 *   make a repository that has no name yet, and fetch into it ──▶ ready
 *   the giver says what it is in the end ──▶ fetch what is missing ──▶ it gets its name
 *   the copies of the new name have it ──▶ made
 */

/** The repository has its new name, and it is not certain that all of its copies have it. */
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
    readonly copies: Pick<Copies, 'confirm'>
    /** Called with a repository that was made. */
    readonly onReceived: (gitDir: string) => void
    /** What is received takes turns in it. */
    readonly receiving: Lane
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
}

/**
 * @throws {NotConfirmedError} where it was made; where it was not: {Refusal}, {JobError} where git fails, {Error} where the
 *   giver breaks off
 */
export async function receiveRepository(services: ReceiveServices, receiving: Receiving): Promise<void> {
  const { root, copies, receiving: lane, onReceived } = services
  const { given, leaving, ending, tell } = receiving
  const { to } = given
  checkRepositoryName(to)
  if (plainName(to) !== to) throw new Refusal('bad_operation', { sentence: 'This is no plain name.' })
  await checkGiver(services.view, given)
  using tenure = services.hold(to)
  using _slot = await lane.admit(forItself, leaving)
  await services.make(to, await makingOf(services, receiving, tenure))
  try {
    const found = findRepository(root, to)
    // Its new name must outlive a loss of power before the old one goes.
    if (found) await services.sync(found.gitDir, [])
    if (found) onReceived(found.gitDir)
    tell(`bringing ${to} to the other hosts that keep it`)
    await confirmCopies(copies, to, tenure)
    await tenure.confirm(ending)
  } catch (cause) {
    throw new NotConfirmedError(cause instanceof Refusal ? cause.sentence : String(cause), { cause })
  }
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
    // The giver says only once what it is in the end.
    if (isBegun) throw new Refusal('create_failed')
    isBegun = true
    await (kind === 'fork' ? fillFork : fillWhole)(services, hidden, receiving)
    if (!tenure.isLive) throw new Refusal('no_lease')
  }
  if (kind === 'fork') return { format, furnish }
  const { config } = await services.ask.texts(from, receiving.leaving)
  return { format, refStorage: refStorageIn(config), furnish }
}

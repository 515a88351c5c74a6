import { NotPrimaryError } from '../primary/primary-of.ts'
import type { Newcomer } from '../primary/newcomers.ts'
import type { InSync } from '../slot-view.ts'
import { OwnStateError } from './bring-repository.ts'
import type { ToBring } from './bring-repository.ts'

/*
 * Brings one copy of one slot to what its primary has:
 *
 *   each repository that one of both has is brought ─▶ those that were confirmed meanwhile, too
 *     ─▶ from now on, confirmations tell the copy ─▶ what was confirmed until then is brought ─▶ it is taken in
 *
 * A repository that cannot be brought does not hold up the others. Then the copy is not taken in.
 */

export type BringSlotServices = {
  /** Brings one repository. @throws {NotPrimaryError}, {OwnStateError}, {Error}, the signal's reason */
  readonly bring: (toBring: ToBring, signal: AbortSignal) => Promise<void>
  readonly inSync: Pick<InSync, 'add'>
  /** Called with each repository that was brought. */
  readonly onBrought: (copy: string) => void
}

export type SlotBringing = {
  readonly slot: number
  readonly copy: string
  readonly term: number
  /** As `sinceOf` said of the copy when this was begun. */
  readonly since: number
  /** Undefined for a copy that is in sync, and is only looked after. */
  readonly newcomer: Newcomer | undefined
  /** Whether the copy's host did not live for a while since this was begun: it may have lost what it was brought. */
  readonly wasAway: () => boolean
  /** The names of all repositories that the primary or the copy has. */
  readonly repositories: Iterable<string>
}

/** Some repositories of a slot could not be brought. */
export class NotBroughtError extends Error {
  override readonly name = 'NotBroughtError'
  readonly repositories: readonly string[]
  /** Whether this host itself cannot read any of them. */
  readonly isOwn: boolean

  constructor(failures: ReadonlyMap<string, Error>) {
    const named = [...failures].slice(0, mostNamed).map(([name, { message }]) => `${JSON.stringify(name)}: ${message}`)
    const more = failures.size > mostNamed ? ` (and ${failures.size - mostNamed} more)` : ''
    super(`${named.join(' ')}${more}`.slice(0, mostWords))
    this.repositories = [...failures.keys()]
    this.isOwn = failures.values().every((error) => error instanceof OwnStateError)
  }
}

const mostNamed = 3
const mostWords = 2000

/** @throws {NotBroughtError}, {NotPrimaryError}, why the newcomer was left out, or the signal's reason */
export async function bringSlot(
  services: BringSlotServices,
  bringing: SlotBringing,
  signal: AbortSignal,
): Promise<void> {
  const { slot, copy, term, since, newcomer, repositories } = bringing
  const failures = new Map<string, Error>()
  for (const repository of repositories) await bringOne(services, bringing, repository, failures, signal)
  if (newcomer) await bringChanged(services, bringing, newcomer, failures, signal)
  if (failures.size > 0) throw new NotBroughtError(failures)
  if (!newcomer) return
  newcomer.beTold()
  await bringChanged(services, bringing, newcomer, failures, signal)
  if (failures.size > 0) throw new NotBroughtError(failures)
  const mayEnter = () => !bringing.wasAway() && newcomer.enter()
  const isIn = await services.inSync.add({ slot, term, copy, since, mayEnter, signal })
  if (!isIn && bringing.wasAway()) throw new Error(`${copy} was away for a while.`)
  if (!isIn) throw newcomer.failure ?? new NotPrimaryError(`${copy} is to be no copy of slot ${slot} any more.`)
}

/** What was confirmed while it was behind, without what is confirmed during this. */
async function bringChanged(
  services: BringSlotServices,
  bringing: SlotBringing,
  newcomer: Newcomer,
  failures: Map<string, Error>,
  signal: AbortSignal,
): Promise<void> {
  for (const repository of newcomer.takeChanged()) await bringOne(services, bringing, repository, failures, signal)
}

async function bringOne(
  services: BringSlotServices,
  { copy, term, newcomer }: SlotBringing,
  repository: string,
  failures: Map<string, Error>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  if (newcomer?.failure) throw newcomer.failure
  try {
    await services.bring({ repository, copy, term }, signal)
    failures.delete(repository)
    services.onBrought(copy)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof NotPrimaryError) throw error
    failures.set(repository, error instanceof Error ? error : new Error(String(error)))
  }
}

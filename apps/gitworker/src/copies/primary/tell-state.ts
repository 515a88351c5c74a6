import type { HostLinks } from '../link/host-links.ts'
import { tellCopy } from '../link/tell-copy.ts'
import { followPath, readAnswer } from '../link/told.ts'
import type { Told } from '../link/told.ts'
import type { SlotView } from '../slot-view.ts'
import type { RepositoryState } from '../state/read-state.ts'
import { absentDigest } from '../state/state-digest.ts'
import { NotPrimaryError } from './primary-of.ts'

export type TellServices = {
  readonly view: SlotView
  readonly links: HostLinks
  /** Milliseconds for which a copy may show no progress. */
  readonly copyTimeout: number
}

/** Reads this host's own state once more. */
export type LookAgain = () => Promise<RepositoryState | undefined>

/**
 * Tells a copy a state, and waits until it has it, or a newer one.
 *
 * @throws {NotPrimaryError} where the copy knows a newer term; {Error} where it cannot be reached, fails, or has another
 *   state; the signal's reason
 */
export async function tellState(
  services: TellServices,
  copy: string,
  told: Told,
  lookAgain: LookAgain,
  signal: AbortSignal,
): Promise<void> {
  if (await hasTaken(services, copy, told, signal)) return
  const now = (await lookAgain())?.digest ?? absentDigest
  if (now === told.digest) throw new Error(`${copy} has another state of the repository.`)
}

/** @returns whether it has the very state now: it may have a newer one. @throws as `tellState` */
export async function hasTaken(
  { view, links, copyTimeout }: TellServices,
  copy: string,
  told: Told,
  signal: AbortSignal,
): Promise<boolean> {
  const address = view.addressOf(copy)
  if (!address) throw new Error(`${copy} does not live.`)
  const answer = await tellCopy(links, address, { path: followPath, told, readAnswer }, copyTimeout, signal)
  if (!('failed' in answer)) return answer.digest === told.digest
  if (answer.isOver) throw new NotPrimaryError(`${copy} says: ${answer.failed}`)
  throw new Error(`${copy} says: ${answer.failed}`)
}

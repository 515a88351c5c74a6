import type { Logger } from '@sluice/shared/telemetry/log'
import { whyOf } from '@sluice/shared/telemetry/why'
import type { Told } from '../link/told.ts'
import type { InSync } from '../slot-view.ts'
import { NotCopiableError } from '../state/repository-texts.ts'
import type { Newcomers } from './newcomers.ts'
import { NotPrimaryError } from './primary-of.ts'
import { hasTaken, tellState } from './tell-state.ts'
import type { LookAgain, TellServices } from './tell-state.ts'

export type BringServices = TellServices & {
  readonly inSync: InSync
  readonly newcomers: Newcomers
  readonly log: Logger
}

/** Of which repository a copy is brought something. */
export type About = {
  /** Its plain name. */
  readonly repository: string
  readonly slot: number
  readonly term: number
}

/** What a copy is brought to. */
export type Bringing = About & {
  /** Or why there is nothing that it could be told. */
  readonly told: Told | NotCopiableError
  /** The same after all was read. */
  readonly whole: () => Promise<Told | NotCopiableError>
  readonly look: LookAgain
}

/** Brings one copy to a state, or takes it out. @returns whether it has it @throws {NotPrimaryError} */
export async function bringCopy(services: BringServices, copy: string, bringing: Bringing): Promise<boolean> {
  return await tellOrTakeOut(services, copy, bringing, () => tell(services, copy, bringing))
}

/**
 * @param act tells a copy what it is to have, and rejects where it does not have it then
 * @returns whether the copy has it; else it is out of those in sync
 * @throws {NotPrimaryError}
 */
export async function tellOrTakeOut(
  services: BringServices,
  copy: string,
  { repository, slot, term }: About,
  act: () => Promise<void>,
): Promise<boolean> {
  const { inSync, newcomers, log } = services
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof NotPrimaryError) throw error
    // Whoever takes it out of those in sync says so. A newcomer is tried again.
    log.info({ ...whyOf(error), copy, slot, repository, term }, 'a copy is out of sync')
    try {
      await newcomers.fail(slot, copy, error)
      await inSync.remove(slot, term, copy, error)
      return false
    } catch (cause) {
      throw new NotPrimaryError('The copy could not be taken out of those in sync.', { cause })
    }
  }
}

async function tell(services: BringServices, copy: string, { told, whole, look }: Bringing): Promise<void> {
  if (told instanceof NotCopiableError) throw told
  if (told.offer === null) return await tellState(services, copy, told, look, never)
  if (await hasTaken(services, copy, told, never)) return
  // What was counted on may have been wrong: another push has moved references, or another program.
  const last = await whole()
  if (last instanceof NotCopiableError) throw last
  await tellState(services, copy, last, look, never)
}

const never = new AbortController().signal

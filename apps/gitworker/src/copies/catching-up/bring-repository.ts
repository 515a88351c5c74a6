import type { Trashed } from '../link/told.ts'
import type { ObjectStore } from '../object-store.ts'
import { toldAbsence, toldObjectsOf, toldStateOf } from '../primary/told-of.ts'
import { checkPrimary } from '../primary/primary-of.ts'
import { tellState } from '../primary/tell-state.ts'
import type { TellServices } from '../primary/tell-state.ts'
import type { TellingOrder } from '../primary/telling-order.ts'
import { readStateOf } from '../state/read-state.ts'
import type { StateReader } from '../state/read-state.ts'

export type BringRepositoryServices = TellServices & {
  readonly root: string
  readonly reader: StateReader
  readonly tellings: TellingOrder
  /** The objects of LFS. */
  readonly store: Pick<ObjectStore, 'mayHave'>
  /** What the trash says of the repository of a plain name that was deleted last. */
  readonly trashed: (repository: string) => Promise<Trashed | null>
}

/** A plain name, and who is to have what this host has of it. */
export type ToBring = { readonly repository: string; readonly copy: string; readonly term: number }

/** This host itself cannot say what it has of a repository. */
export class OwnStateError extends Error {
  override readonly name = 'OwnStateError'
}

/**
 * Brings one copy to what this host has of a repository now, or to having none.
 *
 * @throws {NotPrimaryError}; {OwnStateError}; {Error} where the copy could not be brought there; the signal's reason
 */
export async function bringRepository(
  services: BringRepositoryServices,
  { repository, copy, term }: ToBring,
  signal: AbortSignal,
): Promise<void> {
  const { root, view, reader, store, trashed, tellings } = services
  checkPrimary(view, repository, term)
  // Something newer may be confirmed while this is told: then the copy does not do it.
  const order = tellings.next()
  const look = () => readStateOf(root, repository, reader, signal)
  const tellable = async () => {
    const state = await look()
    return state ? toldStateOf(state) : await toldAbsence(root, repository, trashed)
  }
  const state = await tellable().catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new OwnStateError(`This host cannot read its own: ${messageOf(cause)}`, { cause })
  })
  const about = { repository, term, primary: view.name, order, isCatchingUp: true, isWhole: true, offer: null } as const
  const told = { ...about, ...toldObjectsOf(store, root, repository), ...state }
  await tellState(services, copy, told, look, signal)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

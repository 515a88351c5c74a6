import { plainName } from '@sluice/shared/git/repository-name'
import { slotOf } from '@sluice/shared/placement/slot'
import type { HostLinks } from '../link/host-links.ts'
import type { Finished, Given } from '../link/given.ts'
import { objectPlaceOf } from '../object-store.ts'
import type { ObjectStore } from '../object-store.ts'
import type { SlotView } from '../slot-view.ts'
import { NotPrimaryError } from '../primary/primary-of.ts'
import { toldStateOf } from '../primary/told-of.ts'
import { readState } from '../state/read-state.ts'
import type { StateReader } from '../state/read-state.ts'
import type { Gift, Gifts } from './gifts.ts'
import { openGiving } from './open-giving.ts'

export type GiverServices = {
  readonly view: SlotView
  readonly links: HostLinks
  readonly gifts: Gifts
  readonly reader: StateReader
  /** The objects of LFS. */
  readonly store: Pick<ObjectStore, 'mayHave'>
  /** Milliseconds for which the receiver may show no sign of life. */
  readonly copyTimeout: number
  /** Aborted when the host stops. */
  readonly ending: AbortSignal
}

/** Where a repository is given. */
export type Giving = Gift & {
  /** Its new name, and the host that is to have it. */
  readonly to: string
  readonly host: string
  /** What it is called in the trash when it is renamed. */
  readonly trash: string
}

export type GivingProgress = {
  /** Ends it, until it is finished. */
  readonly signal: AbortSignal
  /** Gets lines for people of the receiver, git's among them. */
  readonly onWords: (words: string) => void
}

/**
 * A repository that the receiver has, under no name yet. Disposing of it makes it remove that, and what has its new name, too,
 * as long as the old name is there.
 */
export type BegunGiving = AsyncDisposable & {
  /**
   * Brings the receiver to what the repository has now, and gives it its name there. Nobody may change it any more. What is
   * renamed takes no pushes there yet.
   *
   * @throws {Refusal} where it was not made; {UncertainGiftError} where it was, or may have been; the signal's reason, too
   */
  finish(): Promise<void>
  /** Says that the old name is gone. Takes as long as the receiver may be silent, at most. @returns whether it takes pushes */
  conclude(): Promise<boolean>
}

/** Gives repositories of this host to the primaries of other names. */
export class Giver {
  readonly #services: GiverServices

  constructor(services: GiverServices) {
    this.#services = services
  }

  /**
   * Resolves when the receiver has all of it. Pushes go on meanwhile.
   *
   * @throws {Refusal} where the receiver does not take it; {NotCopiableError}; {JobError} where git fails; the signal's reason
   */
  async begin({ to, host, trash, ...gift }: Giving, progress: GivingProgress): Promise<BegunGiving> {
    const { view, gifts, links, copyTimeout, ending } = this.#services
    await using begun = new AsyncDisposableStack()
    const repository = plainName(gift.repository)
    const { term } = view.slot(slotOf(repository)) ?? {}
    if (term === undefined) throw new NotPrimaryError(`Nobody keeps ${repository}.`)
    const offered = begun.use(gifts.offer({ ...gift, repository }))
    const from = { repository, term, primary: view.name, gift: offered.id }
    const { state, hasObjects } = await this.#stateOf(gift, progress.signal)
    const given: Given = { kind: gift.kind, to: plainName(to), from, trash, state, hasObjects }
    const receiver = { host, address: view.addressOf(host), timeoutMs: copyTimeout }
    const giving = begun.use(openGiving(links, receiver, given, progress, ending))
    await giving.ready
    const ends = begun.move()
    return {
      finish: async () => await giving.finish(await this.#stateOf(gift, progress.signal)),
      conclude: () => giving.conclude(),
      [Symbol.asyncDispose]: () => ends.disposeAsync(),
    }
  }

  async #stateOf({ repository, gitDir }: Gift, signal: AbortSignal): Promise<Finished> {
    const { reader, store } = this.#services
    const { digest, state } = toldStateOf(await readState(gitDir, reader, signal))
    return { digest, state: state!, hasObjects: store.mayHave(objectPlaceOf(repository, gitDir)) }
  }
}

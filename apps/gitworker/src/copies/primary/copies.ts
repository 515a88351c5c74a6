import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { plainName } from '@sluice/shared/git/repository-name'
import { slotOf } from '@sluice/shared/placement/slot'
import type { ReadGrants } from '../../cluster/reads/read-grants.ts'
import type { Told, Trashed } from '../link/told.ts'
import type { ObjectStore } from '../object-store.ts'
import { RepositoryTurns } from '../repository-turns.ts'
import type { StateReader } from '../state/read-state.ts'
import { NotCopiableError } from '../state/repository-texts.ts'
import { bringCopy, tellOrTakeOut } from './bring-copy.ts'
import type { About, BringServices } from './bring-copy.ts'
import { Offers } from './offers.ts'
import type { SmallPush } from './offers.ts'
import { OwnStates } from './own-states.ts'
import { checkPrimary, NotPrimaryError, TooFewCopiesError } from './primary-of.ts'
import { RepositoryRounds } from './repository-rounds.ts'
import type { TellingOrder } from './telling-order.ts'
import { tellObjects } from './tell-objects.ts'
import { toldAbsence, toldObjectsOf, toldStateOf } from './told-of.ts'

/*
 * What a primary does before it acknowledges a push, or whatever else has changed a repository, made it or removed it:
 *
 *   read the own state ─▶ tell it to all copies in sync ─┬─▶ all have it ──────────────────────────▶ acknowledge
 *                                                        └─▶ one has failed ─▶ out of those in sync ─▶ acknowledge
 *                                                                                  └── not primary ─▶ cut the connection
 *
 * Newcomers that are about to be in sync are told, too: see newcomers.ts.
 * A small push that is alone in its round is offered to the copies, which take it as it came. A copy that does not, or
 * that has another state then, fetches.
 *
 * A copy fetches after the push's references have moved, so what it has then is the push or something newer, for each
 * reference. Its digest must be the same besides, unless another push has moved references meanwhile.
 */

export type CopiesServices = BringServices & {
  readonly root: string
  readonly reads: Pick<ReadGrants, 'settled'>
  readonly reader: StateReader
  readonly tellings: TellingOrder
  /** The objects of LFS. */
  readonly store: Pick<ObjectStore, 'mayHave'>
  /** How many hosts must have a push, the primary included. */
  readonly minInSync: number
  /** What the trash says of the repository of a plain name that was deleted last. */
  readonly trashed: (repository: string) => Promise<Trashed | null>
}

/** What has changed a repository: a small push, another one, or anything, so that nothing counts that was known before. */
export type Cause = SmallPush | 'push' | 'anything'

/** Makes sure that the copies of a repository have what its primary has. */
export class Copies {
  readonly #services: CopiesServices
  readonly #rounds = new RepositoryRounds<Cause>()
  readonly #states: OwnStates
  /** What copies may ask for. */
  readonly offers = new Offers()
  /** What this host does to repositories as a copy. What changes one as the primary's must wait until that is over. */
  readonly turns = new RepositoryTurns()

  constructor(services: CopiesServices) {
    this.#services = services
    this.#states = new OwnStates(services.root, services.reader)
  }

  /** Whether a repository has copies that an acknowledgement waits for. Costs a look into memory. */
  has(repository: string): boolean {
    return this.#copiesOf(repository).length > 0
  }

  /**
   * Resolves when every copy in sync has all that the repository has by now, or has none, if there is none. To be called
   * when the references have moved, and HEAD is settled, and before anybody is told so.
   *
   * @param repository by any of its names
   * @param term in which the push was begun
   * @throws {NotPrimaryError}, {TooFewCopiesError} where nobody may be told
   */
  async confirm(repository: string, term: number, cause: Cause = 'anything'): Promise<void> {
    const { view, newcomers, reads } = this.#services
    const name = plainName(repository)
    // Before its state is read: so what is read later for a newcomer has all of it.
    newcomers.note(slotOf(name), name)
    if (this.has(name)) await this.#rounds.join(name, cause, (causes) => this.#round(name, term, causes))
    else await reads.settled(slotOf(name), new Set([view.name]))
    // A round may have been begun for a push of an older term.
    this.#checkInSync(name, term)
    if (cause !== 'anything' && this.#states.isOld(name)) this.#compare(name, term)
  }

  /**
   * The same for objects of LFS that this host has stored: at most a thousand.
   *
   * @throws {NotPrimaryError}, {TooFewCopiesError} where nobody may be told
   */
  async confirmObjects(repository: string, term: number, objects: readonly LfsPointer[]): Promise<void> {
    const name = plainName(repository)
    const about = { repository: name, slot: slotOf(name), term }
    // A newcomer that is not told gets all objects that there are when the repository is brought once more.
    this.#services.newcomers.note(about.slot, name)
    checkPrimary(this.#services.view, name, term)
    const tell = async (copy: string) => {
      if (await tellObjects(this.#services, copy, { repository: name, term, objects })) return
      // An upload has created the repository, or somebody has removed it at the copy.
      await this.#rounds.join(name, 'anything', (causes) => this.#round(name, term, causes))
      const has = await tellObjects(this.#services, copy, { repository: name, term, objects })
      if (!has) throw new Error(`${copy} still has no ${name}.`)
    }
    const take = (copy: string) => tellOrTakeOut(this.#services, copy, about, () => tell(copy))
    await this.#eachCopy(about, this.#copiesOf(name), take)
    this.#checkInSync(name, term)
  }

  #checkInSync(name: string, term: number): void {
    const { view, minInSync } = this.#services
    const { inSync } = checkPrimary(view, name, term)
    if (inSync.length < minInSync) throw new TooFewCopiesError(`Only ${inSync.join()} has ${name} as it is now.`)
  }

  /** In the background: what other programs have changed must be found. */
  #compare(name: string, term: number): void {
    const compared = this.#rounds.join(name, 'anything', (causes) => this.#round(name, term, causes))
    compared.catch((err: unknown) => this.#services.log.debug({ err, repository: name }, 'copies were not compared'))
  }

  /**
   * The same for what nobody is told about: in whatever term this host is the primary.
   *
   * @throws {NotPrimaryError} where it is not
   */
  async confirmNow(repository: string): Promise<void> {
    const { term } = this.#services.view.slot(slotOf(repository)) ?? {}
    if (term === undefined) throw new NotPrimaryError(`Nobody keeps ${repository}.`)
    await this.confirm(repository, term)
  }

  /** Those in sync, and those that are about to be. */
  #copiesOf(repository: string): readonly string[] {
    const { view, newcomers } = this.#services
    const slot = slotOf(repository)
    const others = new Set([...(view.slot(slot)?.inSync ?? []), ...newcomers.toldOf(slot)])
    others.delete(view.name)
    return [...others]
  }

  async #round(repository: string, term: number, causes: readonly Cause[]): Promise<void> {
    checkPrimary(this.#services.view, repository, term)
    // Before the state is read: whoever is about to be in sync later is brought what it is then.
    const copies = this.#copiesOf(repository)
    const push = causes.length === 1 && typeof causes[0] === 'object' ? causes[0] : undefined
    using offer = push && this.offers.offer(repository, push)
    const how = { isWhole: causes.includes('anything'), offer: offer?.id ?? null }
    const told = await this.#tellable(repository, term, push, how)
    const whole = once(() => this.#tellable(repository, term, undefined, { isWhole: true, offer: null }))
    const look = async () => await this.#states.read(repository)
    const about = { repository, slot: slotOf(repository), term, told, whole, look }
    await this.#eachCopy(about, copies, (copy) => bringCopy(this.#services, copy, about))
  }

  /** @param bring as `bringCopy`. Nobody else reads what they do not have when this has resolved */
  async #eachCopy(
    { slot }: About,
    copies: readonly string[],
    bring: (copy: string) => Promise<boolean>,
  ): Promise<void> {
    const { view, reads } = this.#services
    const results = await Promise.allSettled(copies.map(bring))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    const having = copies.filter((_, at) => results[at]?.status === 'fulfilled' && results[at].value)
    await reads.settled(slot, new Set([view.name, ...having]))
  }

  /** What copies are told, or why there is nothing that they could be told. */
  async #tellable(
    repository: string,
    term: number,
    push: SmallPush | undefined,
    how: Pick<Told, 'isWhole' | 'offer'>,
  ): Promise<Told | NotCopiableError> {
    const { root, view, store, trashed, tellings } = this.#services
    const about = { repository, term, primary: view.name, order: tellings.next(), ...how }
    try {
      const state = await this.#states.after(repository, push)
      if (state) return { ...about, ...toldObjectsOf(store, root, repository), ...toldStateOf(state) }
      return { ...about, ...(await toldAbsence(root, repository, trashed)) }
    } catch (error) {
      if (error instanceof NotCopiableError) return error
      throw error
    }
  }
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= act())
}

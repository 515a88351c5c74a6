import type { Logger } from '@sluice/shared/telemetry/log'
import { plainName } from '@sluice/shared/git/repository-name'
import { slotOf } from '@sluice/shared/placement/slot'
import type { ReadGrants } from '../../cluster/reads/read-grants.ts'
import type { HostLinks } from '../link/host-links.ts'
import type { Told, ToldState, Trashed } from '../link/told.ts'
import type { InSync, SlotView } from '../slot-view.ts'
import { readStateOf } from '../state/read-state.ts'
import type { RepositoryState, StateReader } from '../state/read-state.ts'
import { hashOfTexts, NotCopiableError } from '../state/repository-texts.ts'
import { absentDigest } from '../state/state-digest.ts'
import type { Newcomers } from './newcomers.ts'
import { checkPrimary, NotPrimaryError } from './primary-of.ts'
import { RepositoryRounds } from './repository-rounds.ts'
import { tellState } from './tell-state.ts'
import type { LookAgain } from './tell-state.ts'

/*
 * What a primary does before it acknowledges a push, or whatever else has changed a repository, made it or removed it:
 *
 *   read the own state ─▶ tell it to all copies in sync ─┬─▶ all have it ──────────────────────────▶ acknowledge
 *                                                        └─▶ one has failed ─▶ out of those in sync ─▶ acknowledge
 *                                                                                  └── not primary ─▶ cut the connection
 *
 * Newcomers that are about to be in sync are told, too: see newcomers.ts.
 *
 * A copy fetches after the push's references have moved, so what it has then is the push or something newer, for each
 * reference. Its digest must be the same besides, unless another push has moved references meanwhile.
 */

/** The primary has it, and fewer copies than an operator asks for. */
export class TooFewCopiesError extends Error {
  override readonly name = 'TooFewCopiesError'
}

export type CopiesServices = {
  readonly root: string
  readonly view: SlotView
  readonly newcomers: Newcomers
  readonly inSync: InSync
  readonly reads: Pick<ReadGrants, 'settled'>
  readonly links: HostLinks
  readonly reader: StateReader
  /** How many hosts must have a push, the primary included. */
  readonly minInSync: number
  /** What the trash says of the repository of a plain name that was deleted last. */
  readonly trashed: (repository: string) => Promise<Trashed | null>
  /** Milliseconds for which a copy may show no progress. */
  readonly copyTimeout: number
  readonly log: Logger
}

/** Makes sure that the copies of a repository have what its primary has. */
export class Copies {
  readonly #services: CopiesServices
  readonly #rounds = new RepositoryRounds()

  constructor(services: CopiesServices) {
    this.#services = services
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
  async confirm(repository: string, term: number): Promise<void> {
    const { view, newcomers, reads, minInSync } = this.#services
    const name = plainName(repository)
    // Before its state is read: so what is read later for a newcomer has all of it.
    newcomers.note(slotOf(name), name)
    if (this.has(name)) await this.#rounds.join(name, () => this.#round(name, term))
    else await reads.settled(slotOf(name), new Set([view.name]))
    // A round may have been begun for a push of an older term.
    const { inSync } = checkPrimary(view, repository, term)
    if (inSync.length < minInSync) throw new TooFewCopiesError(`Only ${inSync.join()} has ${repository} as it is now.`)
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

  async #round(repository: string, term: number): Promise<void> {
    const { view, reads } = this.#services
    checkPrimary(view, repository, term)
    // Before the state is read: whoever is about to be in sync later is brought what it is then.
    const copies = this.#copiesOf(repository)
    const told = await this.#tellable(repository, term)
    const look = once(() => this.#look(repository))
    const results = await Promise.allSettled(copies.map((copy) => this.#bring({ repository, term }, copy, told, look)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    const having = copies.filter((_, at) => results[at]?.status === 'fulfilled' && results[at].value)
    await reads.settled(slotOf(repository), new Set([view.name, ...having]))
  }

  /** What copies are told, or why there is nothing that they could be told. */
  async #tellable(repository: string, term: number): Promise<Told | NotCopiableError> {
    const { view, trashed } = this.#services
    try {
      const state = await this.#look(repository)
      const about = { repository, term, primary: view.name }
      if (state) return { ...about, digest: state.digest, state: toldStateOf(state), trashed: null }
      return { ...about, digest: absentDigest, state: null, trashed: await trashed(repository) }
    } catch (error) {
      if (error instanceof NotCopiableError) return error
      throw error
    }
  }

  async #look(repository: string): Promise<RepositoryState | undefined> {
    const { root, reader } = this.#services
    return await readStateOf(root, repository, reader, never)
  }

  /** Brings one copy to a state, or takes it out. @returns whether it has it @throws {NotPrimaryError} */
  async #bring(
    { repository, term }: Pick<Told, 'repository' | 'term'>,
    copy: string,
    told: Told | NotCopiableError,
    lookAgain: LookAgain,
  ): Promise<boolean> {
    const { inSync, newcomers, log } = this.#services
    const slot = slotOf(repository)
    try {
      if (told instanceof NotCopiableError) throw told
      await tellState(this.#services, copy, told, lookAgain, never)
      return true
    } catch (error) {
      if (error instanceof NotPrimaryError) throw error
      log.warn({ err: error, copy, slot, repository, term }, 'a copy is out of sync')
      try {
        await newcomers.fail(slot, copy, error)
        await inSync.remove(slot, term, copy, error)
        return false
      } catch (cause) {
        throw new NotPrimaryError('The copy could not be taken out of those in sync.', { cause })
      }
    }
  }
}

const never = new AbortController().signal

export function toldStateOf(state: RepositoryState): ToldState {
  const { format, head, headIsGuess, symbolic } = state
  return { format, head, headIsGuess, symbolic: [...symbolic], texts: hashOfTexts(state) }
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= act())
}

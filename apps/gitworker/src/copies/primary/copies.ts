import type { Logger } from '@sluice/shared/telemetry/log'
import { plainName } from '@sluice/shared/git/repository-name'
import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { ReadGrants } from '../../cluster/reads/read-grants.ts'
import type { HostLinks } from '../link/host-links.ts'
import { tellCopy } from '../link/tell-copy.ts'
import type { Told, ToldState, Trashed } from '../link/told.ts'
import type { InSync, SlotView } from '../slot-view.ts'
import { readStateOf } from '../state/read-state.ts'
import type { RepositoryState, StateReader } from '../state/read-state.ts'
import { hashOfTexts, NotCopiableError } from '../state/repository-texts.ts'
import { absentDigest } from '../state/state-digest.ts'
import { RepositoryRounds } from './repository-rounds.ts'

/*
 * What a primary does before it acknowledges a push, or whatever else has changed a repository, made it or removed it:
 *
 *   read the own state ─▶ tell it to all copies in sync ─┬─▶ all have it ──────────────────────────▶ acknowledge
 *                                                        └─▶ one has failed ─▶ out of those in sync ─▶ acknowledge
 *                                                                                  └── not primary ─▶ cut the connection
 *
 * A copy fetches after the push's references have moved, so what it has then is the push or something newer, for each
 * reference. Its digest must be the same besides, unless another push has moved references meanwhile.
 */

/** This host is not the primary any more, or cannot be sure: what the push has done may or may not survive. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError'
}

/** The primary has it, and fewer copies than an operator asks for. */
export class TooFewCopiesError extends Error {
  override readonly name = 'TooFewCopiesError'
}

export type CopiesServices = {
  readonly root: string
  readonly view: SlotView
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
    const { view } = this.#services
    return othersIn(view.slot(slotOf(repository)), view.name).length > 0
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
    const { view, reads, minInSync } = this.#services
    const name = plainName(repository)
    if (this.has(name)) await this.#rounds.join(name, () => this.#round(name, term))
    else await reads.settled(slotOf(name), new Set([view.name]))
    // A round may have been begun for a push of an older term.
    const { inSync } = this.#checkTerm(repository, term)
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

  #checkTerm(repository: string, term: number): SlotRecord {
    const { view } = this.#services
    const record = view.slot(slotOf(repository))
    if (record?.primary === view.name && record.term === term) return record
    throw new NotPrimaryError(`This host is not the primary of ${repository} any more.`)
  }

  async #round(repository: string, term: number): Promise<void> {
    const { view, reads } = this.#services
    const record = this.#checkTerm(repository, term)
    const told = await this.#tellable(repository, term)
    const look = once(() => this.#look(repository))
    const copies = othersIn(record, view.name)
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
    const { inSync, log } = this.#services
    const slot = slotOf(repository)
    try {
      if (told instanceof NotCopiableError) throw told
      await this.#tell(copy, told, lookAgain)
      return true
    } catch (error) {
      if (error instanceof NotPrimaryError) throw error
      log.warn({ err: error, copy, slot, repository, term }, 'a copy is out of sync')
      try {
        await inSync.remove(slot, term, copy, error)
        return false
      } catch (cause) {
        throw new NotPrimaryError('The copy could not be taken out of those in sync.', { cause })
      }
    }
  }

  async #tell(copy: string, told: Told, lookAgain: LookAgain): Promise<void> {
    const { view, links, copyTimeout } = this.#services
    const address = view.addressOf(copy)
    if (!address) throw new Error(`${copy} does not live.`)
    const answer = await tellCopy(links, address, told, copyTimeout)
    if ('failed' in answer) {
      if (answer.isOver) throw new NotPrimaryError(`${copy} says: ${answer.failed}`)
      throw new Error(`${copy} says: ${answer.failed}`)
    }
    if (answer.digest === told.digest) return
    const now = (await lookAgain())?.digest ?? absentDigest
    if (now === told.digest) throw new Error(`${copy} has another state of the repository.`)
  }
}

type LookAgain = () => Promise<RepositoryState | undefined>

const never = new AbortController().signal

function othersIn(record: SlotRecord | undefined, self: string): readonly string[] {
  return record?.inSync.filter((host) => host !== self) ?? []
}

function toldStateOf(state: RepositoryState): ToldState {
  const { format, head, headIsGuess, symbolic } = state
  return { format, head, headIsGuess, symbolic: [...symbolic], texts: hashOfTexts(state) }
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= act())
}

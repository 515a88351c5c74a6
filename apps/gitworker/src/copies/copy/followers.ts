import { LRUCache } from 'lru-cache'
import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { ReferenceCache } from '../../cache/references/reference-cache.ts'
import { placeForCopy } from '../../creation/create-repository.ts'
import type { RepositoryMaker } from '../../creation/repository-maker.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { findRepository } from '../../repository/repository.ts'
import { checkIsMounted } from '../absence.ts'
import type { Trashed } from '../link/told.ts'
import type { RepositoryTurns } from '../repository-turns.ts'
import type { SlotView } from '../slot-view.ts'
import { readState, readStateOf } from '../state/read-state.ts'
import type { RepositoryState } from '../state/read-state.ts'
import { refStorageIn } from '../state/repository-texts.ts'
import { absentDigest } from '../state/state-digest.ts'
import { checkTerm, whileTrue } from './term/current-term.ts'
import type { Discard, Discarding } from './discard.ts'
import { fetchState } from './fetch-state.ts'
import type { Fetching, Following } from './fetch-state.ts'
import { FollowedWays } from './followed-ways.ts'
import { logTrashed } from './lost-references.ts'
import { NewestTold } from './newest-told.ts'
import { NotFollowedError } from './term/not-followed-error.ts'
import { objectPlaceOf } from '../object-store.ts'
import { takeAllObjects } from './take-objects.ts'
import type { ObjectServices } from './take-objects.ts'
import type { Terms } from './term/terms.ts'
import { updateCopy } from './update-copy.ts'
import type { UpdateServices } from './update-copy.ts'

/*
 * A copy does what the primary of its slot tells it, one thing at a time for each repository:
 *
 *   is the term the newest? is this host a copy? ── no ──▶ refused: nothing is looked at
 *   remember the term, on disk
 *   was something done that the primary has read later? ── yes ──▶ nothing is done: it is told what there is
 *   is there to be no repository? ── yes ──▶ it is moved to this host's trash
 *   there is one ──▶ update-copy
 *   there is none ──▶ make one, and fetch into it: nobody sees it before it is whole
 *
 * All of that ends as soon as this host hears of another term: the old primary may be paused, and go on later.
 */

export type FollowerServices = UpdateServices &
  ObjectServices & {
    readonly root: string
    readonly view: SlotView
    readonly terms: Terms
    readonly maker: RepositoryMaker
    readonly discard: Discard
    /** Called with a repository that something was fetched into. */
    readonly onFollowed: (gitDir: string) => void
    readonly users: RepositoryUsers
    readonly turns: RepositoryTurns
    /** Undefined where references are not cached. */
    readonly answers: Pick<ReferenceCache, 'pushing'> | undefined
  }

/** Repositories whose states are remembered. */
const mostKnown = 10_000

export class Followers {
  readonly #services: FollowerServices
  /**
   * What repositories had when this host last made them follow. Others may have changed them since, by hand. In another term,
   * it does not count: this host may have been the primary in between.
   */
  readonly #lastKnown = new LRUCache<string, { readonly term: number; readonly state: RepositoryState }>({
    max: mostKnown,
  })
  readonly #newestTold = new NewestTold()
  /** Of what was followed while somebody waited. */
  readonly ways = new FollowedWays()

  constructor(services: FollowerServices) {
    this.#services = services
  }

  /**
   * Follows the primary to a state, or a newer one.
   *
   * @returns the digest of the state that the copy has then; `absentDigest` where there is no repository
   * @throws {NotFollowedError} where it may not follow; {Refusal} for a bad name; whatever git, the disk and the primary throw
   */
  async follow(following: Following): Promise<string> {
    const { told, signal } = following
    checkRepositoryName(told.repository)
    if (plainName(told.repository) !== told.repository) throw new NotFollowedError('This is no plain name.', false)
    await checkTerm(this.#services.view, this.#services.terms, told)
    const digest = await this.#services.turns.take(told.repository, async () => {
      signal.throwIfAborted()
      // It may have waited for long.
      await checkTerm(this.#services.view, this.#services.terms, told)
      using isTrue = whileTrue(this.#services.view, this.#services.terms, told)
      const both = AbortSignal.any([signal, isTrue.signal])
      both.throwIfAborted()
      const bring = () => this.#bring({ ...following, signal: both })
      return await this.#newestTold.inOrder(told, bring, () => this.#digestOf(told.repository, both))
    })
    // Pushes do not wait for that.
    if (told.isCatchingUp && told.hasObjects) await this.#takeObjects(following)
    return digest
  }

  async #takeObjects({ told, ...taking }: Following): Promise<void> {
    const { root, users, view, terms } = this.#services
    const found = findRepository(root, told.repository)
    if (!found) return
    const giving = new AbortController()
    using _use = users.enter(found.gitDir, () => giving.abort(new Refusal('repository_moving')))
    using isTrue = whileTrue(view, terms, told)
    const signal = AbortSignal.any([taking.signal, giving.signal, isTrue.signal])
    await takeAllObjects(this.#services, told, objectPlaceOf(told.repository, found.gitDir), { ...taking, signal })
  }

  /**
   * Moves a repository to this host's trash, unless it is to be kept. What a primary tells of it meanwhile waits.
   *
   * @param isKept asked right before
   * @returns what the trash calls it; undefined where it was not moved
   * @throws {Refusal} where it cannot be moved; the signal's reason
   */
  async drop(repository: string, isKept: () => boolean, how: Omit<Discarding, 'onProgress'>) {
    return await this.#services.turns.take(repository, async () => {
      how.signal.throwIfAborted()
      const found = findRepository(this.#services.root, repository)
      if (!found || isKept()) return undefined
      return await this.#discard(repository, found.gitDir, 'dropped', { ...how, onProgress: () => {} })
    })
  }

  async #digestOf(repository: string, signal: AbortSignal): Promise<string> {
    const state = await readStateOf(this.#services.root, repository, this.#services, signal)
    return state?.digest ?? absentDigest
  }

  async #bring(following: Following): Promise<string> {
    const { root } = this.#services
    const { repository, state: wanted, trashed } = following.told
    const found = findRepository(root, repository)
    if (!found) checkIsMounted(root)
    if (!wanted) {
      if (found) await this.#giveUp(found.gitDir, trashed, following)
      return absentDigest
    }
    if (!found) return await this.#create({ ...following, wanted })
    const digest = await this.#update(found.gitDir, { ...following, wanted })
    if (digest !== undefined) return digest
    // It was deleted at the primary, and there is another one of this name now.
    await this.#giveUp(found.gitDir, null, following)
    return await this.#create({ ...following, wanted })
  }

  async #giveUp(gitDir: string, trashed: Trashed | null, following: Following): Promise<void> {
    const { told } = following
    const { id } = await this.#discard(told.repository, gitDir, trashed, following)
    if (told.isCatchingUp) logTrashed(this.#services.log, told, id, trashed !== null)
  }

  async #discard(repository: string, gitDir: string, trashed: Trashed | 'dropped' | null, discarding: Discarding) {
    this.#lastKnown.delete(gitDir)
    return await this.#services.discard(repository, trashed, discarding)
  }

  /** @returns undefined where the primary's is of another object format */
  async #update(gitDir: string, fetching: Fetching): Promise<string | undefined> {
    const { users, answers, onFollowed } = this.#services
    using _use = users.enter(gitDir)
    using _pushing = answers?.pushing(gitDir)
    const { term } = fetching.told
    const last = this.#lastKnown.get(gitDir)
    const known = last?.term === term ? last.state : undefined
    this.#lastKnown.delete(gitDir)
    const updated = await updateCopy(this.#services, gitDir, known, fetching)
    if (!updated) return undefined
    const { state, way } = updated
    if (!fetching.told.isCatchingUp) this.ways.count(way)
    this.#lastKnown.set(gitDir, { term, state })
    if (state !== known) onFollowed(gitDir)
    return state.digest
  }

  async #create(fetching: Fetching): Promise<string> {
    const { root, maker } = this.#services
    const { told, wanted, signal } = fetching
    const { config } = await this.#services.ask.texts(told, signal)
    let digest = ''
    const furnish = async (hidden: string) => {
      const before = await readState(hidden, this.#services, fetching.signal)
      digest = (await fetchState(this.#services, hidden, before, fetching)).digest
      if (told.hasObjects) await takeAllObjects(this.#services, told, objectPlaceOf(told.repository, hidden), fetching)
    }
    const place = placeForCopy(root, told.repository)
    maker.keep(await maker.make(place, { format: wanted.format, refStorage: refStorageIn(config), furnish }))
    // Its name, too, must outlive a loss of power.
    await this.#services.sync(place, [])
    return digest
  }
}

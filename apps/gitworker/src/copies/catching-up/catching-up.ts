import { slotCount } from '@sluice/shared/placement/slot'
import type { Logger } from '@sluice/shared/telemetry/log'
import { askKept } from '../link/ask-kept.ts'
import type { Newcomer, Newcomers } from '../primary/newcomers.ts'
import { NotPrimaryError } from '../primary/primary-of.ts'
import type { SlotNames } from '../slot-names.ts'
import type { InSync } from '../slot-view.ts'
import { Attempts } from './attempts.ts'
import type { Attempt } from './attempts.ts'
import { bringRepository } from './bring-repository.ts'
import type { BringRepositoryServices, ToBring } from './bring-repository.ts'
import { bringSlot, NotBroughtError } from './bring-slot.ts'
import { isOver, isOthers, sayFailure, sayUnheard, wordsOf } from './failures.ts'
import { CopyQueues } from './copy-queues.ts'
import { CatchingUpProgress } from './progress.ts'

/*
 * Brings the copies of this host's slots in sync, as their primary, and looks after those that are in sync when its term
 * begins: a copy may have got what was never acknowledged.
 *
 *   look for what is due ─▶ for each copy: what do both have of these slots? ─▶ queue ─▶ a few slots at once ─▶ in sync
 *                                                                   └── nothing ─▶ many slots at once ───────────┘
 *
 * A look is cheap. It comes when a slot has changed, and every second, since hosts come and waits end.
 */

export type CatchingUpServices = BringRepositoryServices & {
  readonly inSync: InSync
  readonly names: SlotNames
  readonly newcomers: Newcomers
  /** Milliseconds before the first attempt after a failure: a second by default. It doubles each time. */
  readonly firstPause?: number
  readonly log: Logger
}

type Job = {
  readonly attempt: Attempt
  /** Undefined where the copy is in sync. */
  readonly newcomer: Newcomer | undefined
}
type ListedJob = Job & { readonly repositories: ReadonlySet<string> }

const lookEveryMs = 1000

/** Before the first attempt after a failure. */
const firstPauseMs = 1000

/** Slots that have changed soon after each other are looked at together. */
const pauseMs = 20

/** Of each copy, of those that have repositories. */
const slotsAtOnce = 4

/** Of those that have none: all that is to be done is to take the copy in, many slots in one swap. */
const emptySlotsAtOnce = 1000

export class CatchingUp implements AsyncDisposable {
  readonly progress: CatchingUpProgress
  readonly #services: CatchingUpServices
  readonly #attempts: Attempts
  /** Copies that are asked what they have. */
  readonly #listing = new Set<string>()
  readonly #lists = new Set<Promise<void>>()
  readonly #queues = new CopyQueues<ListedJob>(slotsAtOnce, (job) => this.#bring(job))
  readonly #empty = new CopyQueues<ListedJob>(emptySlotsAtOnce, (job) => this.#bring(job))
  readonly #ending = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #listening: Disposable
  #soon: NodeJS.Timeout | undefined

  constructor(services: CatchingUpServices) {
    this.#services = services
    this.#attempts = new Attempts(services.view, services.firstPause ?? firstPauseMs)
    this.progress = new CatchingUpProgress(services.log)
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref()
    this.#listening = services.view.listen(() => {
      this.#soon ??= setTimeout(() => this.#look(), pauseMs).unref()
    })
  }

  /** For each copy of each slot of this host. */
  get attempts(): readonly Readonly<Attempt>[] {
    return this.#attempts.all
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error('The host stops.'))
    this.#listening[Symbol.dispose]()
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.progress[Symbol.dispose]()
    await Promise.all(this.#lists)
    const left = await Promise.all([this.#queues.close(), this.#empty.close()])
    for (const job of left.flat()) this.#over(job)
  }

  #look(): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
    const { view } = this.#services
    for (const [copy, all] of Map.groupBy(this.#attempts.due(slotCount), (attempt) => attempt.copy)) {
      if (this.#listing.has(copy)) continue
      // Those that are out of sync first.
      const isInSync = ({ slot }: Attempt) => view.slot(slot)?.inSync.includes(copy) === true
      const behind = all.filter((attempt) => !isInSync(attempt))
      const list = this.#list(copy, behind.length > 0 ? behind : all, behind.length > 0)
      const listing = list.finally(() => this.#lists.delete(listing))
      this.#lists.add(listing)
    }
  }

  /** Finds out what a copy has of some slots, and puts them into the queue. */
  async #list(copy: string, attempts: readonly Attempt[], areBehind: boolean): Promise<void> {
    const { view, links, names, newcomers, copyTimeout, log } = this.#services
    this.#listing.add(copy)
    this.progress.begin(copy, attempts.length)
    // Before anything is listed: what is confirmed from now on is noted.
    const jobs = attempts.map((attempt): Job => {
      this.#attempts.begin(attempt)
      return { attempt, newcomer: areBehind ? newcomers.begin(attempt.slot, copy) : undefined }
    })
    try {
      const address = view.addressOf(copy)
      if (!address) throw new Error(`${copy} does not live.`)
      const slots = attempts.map(({ slot, term }): [number, number] => [slot, term])
      const asked = { primary: view.name, slots }
      const [own, kept] = await Promise.all([
        names.read(),
        askKept(links, address, asked, copyTimeout, this.#ending.signal),
      ])
      for (const job of jobs) {
        const { slot } = job.attempt
        const answer = kept.get(slot) ?? { failed: 'It has not answered.' }
        if ('failed' in answer) this.#failed(job, new Error(`${copy} says: ${answer.failed}`))
        else {
          const repositories = new Set([...(own.get(slot) ?? []), ...answer.repositories])
          const queues = repositories.size > 0 ? this.#queues : this.#empty
          queues.add(copy, { ...job, repositories }, areBehind)
        }
      }
    } catch (error) {
      const isThere = view.addressOf(copy) !== undefined
      if (isThere && !this.#ending.signal.aborted) sayUnheard(log, this.progress, copy, attempts, error)
      for (const job of jobs) this.#over(job, isThere ? { why: wordsOf(error) } : undefined)
    } finally {
      this.#listing.delete(copy)
    }
  }

  async #bring(job: ListedJob): Promise<void> {
    const { attempt, newcomer, repositories } = job
    const { slot, copy, term } = attempt
    const onBrought = (to: string) => this.progress.repositoryBrought(to)
    try {
      const wasAway = () => attempt.wasAway || this.#services.view.sinceOf(copy) !== attempt.since
      const bringing = { slot, copy, term, newcomer, repositories, since: attempt.since ?? 0, wasAway }
      const bring = (one: ToBring, signal: AbortSignal) => bringRepository(this.#services, one, signal)
      const { inSync } = this.#services
      await bringSlot({ bring, inSync, onBrought }, bringing, this.#ending.signal)
      this.#over(job, 'done')
    } catch (error) {
      if (this.#ending.signal.aborted) this.#over(job, undefined, error)
      else if (error instanceof NotPrimaryError) this.#over(job)
      else await this.#takeOut(job, error)
    }
  }

  /** One that is in sync, and cannot be brought to what this host has, is in sync no longer. */
  async #takeOut(job: Job, error: unknown): Promise<void> {
    const { slot, copy, term } = job.attempt
    this.#failed(job, error)
    if (isOthers(this.#services.view, job.attempt)) return
    if (job.newcomer || !(error instanceof NotBroughtError) || error.isOwn) return
    await this.#services.inSync
      .remove(slot, term, copy, error)
      .catch((cause) => this.#services.log.warn({ err: cause, slot, copy }, 'a copy could not be taken out'))
  }

  #failed(job: Job, error: unknown): void {
    const { view, log } = this.#services
    if (isOver(view, job.attempt)) return this.#over(job)
    sayFailure(log, this.progress, job.attempt, error)
    this.#over(job, { why: wordsOf(error) })
  }

  /** @param result undefined: it gave way @param doubt why it is not certain whether the copy is in sync */
  #over({ attempt, newcomer }: Job, result?: 'done' | { readonly why: string }, doubt?: unknown): void {
    if (newcomer) this.#services.newcomers.leave(newcomer, doubt)
    if (result === 'done') this.#attempts.succeeded(attempt)
    else if (result) this.#attempts.failed(attempt, result.why)
    else this.#attempts.gaveWay(attempt)
    this.progress.slotsOver(attempt.copy, 1, result === 'done' ? 'done' : result ? 'failed' : 'left')
  }
}

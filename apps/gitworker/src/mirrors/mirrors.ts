import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { plainName } from '@sluice/shared/git/repository-name'
import { orAborted, within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { MirrorsStatus, MirrorStatus } from '../operations/host-status.ts'
import { findRepository } from '../repository/repository.ts'
import { runConfirmed } from './run/confirmed-run.ts'
import type { ConfirmedRunServices } from './run/confirmed-run.ts'
import { lastSuccessIn } from './run/last-success.ts'
import { longerThan, mirrorErrorOf } from './run/mirror-error.ts'
import { MirrorState } from './mirror-state.ts'
import { reportFailure, reportSuccess } from './report-run.ts'
import type { ReportServices } from './report-run.ts'
import { mirrorsStatus, statusOf } from './status-of-mirrors.ts'

const tickMs = 1000

/** Runs at once, also those that only wait for a slot to fetch. */
const runsAtOnce = 64

export type MirrorServices = ConfirmedRunServices &
  ReportServices & {
    /** How many may ask the same upstream host at once. */
    readonly hostSlots: number
    /** Whether this host is the one that changes a repository: in a cluster, the primary alone. */
    readonly isPrimaryOf: (repository: string) => boolean
    /** Keeps a repository on this host for a run, which `onGiveWay` ends; undefined where another host is the primary now. */
    readonly hold: (repository: string, onGiveWay: () => void) => Disposable | undefined
  }

/** Keeps the mirrors of a host fresh. Disposing of it ends what runs. */
export class Mirrors implements AsyncDisposable {
  readonly #services: MirrorServices
  readonly #log: Logger
  #states = new Map<string, MirrorState>()
  readonly #running = new Map<MirrorState, { readonly ending: AbortController; readonly run: Promise<void> }>()
  readonly #ending = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(mirrors: readonly Mirror[], services: MirrorServices, log: Logger) {
    this.#services = services
    this.#log = log
    this.take(mirrors)
    this.#timer = setInterval(() => this.#fill(), tickMs).unref()
  }

  /** Replaces all mirrors. Those whose entry is as it was go on; what runs for others is ended. */
  take(mirrors: readonly Mirror[]): void {
    const before = this.#states
    this.#states = new Map(
      mirrors.map((mirror) => {
        const known = before.get(mirror.repository)
        return [
          mirror.repository,
          known && isSame(known.mirror, mirror) ? known : new MirrorState(mirror, performance.now()),
        ]
      }),
    )
    for (const state of before.values().filter((one) => this.#states.get(one.mirror.repository) !== one)) {
      this.#running.get(state)?.ending.abort(new Error('Its entry has changed.'))
      state.over.resolve()
    }
  }

  get status(): MirrorsStatus {
    return mirrorsStatus([...this.#states.values()])
  }

  /** In the order of the file. */
  get all(): MirrorStatus[] {
    return [...this.#states.values()].map(statusOf)
  }

  /** The mirror of a plain name. */
  of(plain: string): Mirror | undefined {
    return this.#states.get(plain)?.mirror
  }

  /**
   * Before a fetch's advertisement: where the entry says so, and the last look is too old, waits until the upstream has been
   * asked, or for as long as the entry says. Many fetches share one run.
   *
   * @param signal ends the wait only
   * @throws the signal's reason
   */
  async freshen(plain: string, signal: AbortSignal): Promise<void> {
    const state = this.#states.get(plain)
    if (state?.mirror.refresh !== 'on-fetch') return
    const now = performance.now()
    const { maxAge, wait } = state.mirror
    const isFresh = now - state.lookedAt <= maxAge
    if (isFresh || state.isPausing(now) || !this.#services.isPrimaryOf(plain)) return
    const looked = await orAborted(this.#soon(state, wait), signal)
    if (looked === 'late') {
      const line = { repository: plain, upstream: state.mirror.upstream.url, waitedMs: wait }
      this.#log.info(line, 'served as it is here: the upstream has not answered in time')
    }
  }

  /**
   * Runs a mirror now, on behalf of an operator.
   *
   * @throws {Refusal} `repository_missing`, `operation_failed`, `repository_busy`
   */
  async run(name: string, signal: AbortSignal): Promise<MirrorStatus> {
    const state = this.#states.get(plainName(name))
    if (!state) throw new Refusal('repository_missing', { sentence: `There is no mirror ${JSON.stringify(name)}.` })
    // What it was like at the last run must not shorten this one.
    if (state.phase === 'resting') state.digest = undefined
    await orAborted(this.#soon(state, state.mirror.timeout), signal)
    const { lastFailure, failures, gaveWay } = state
    if (gaveWay !== undefined) throw new Refusal('repository_busy', { sentence: gaveWay })
    if (failures > 0 && lastFailure) throw new Refusal('operation_failed', { sentence: lastFailure.said })
    return statusOf(state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#ending.abort(new Error('The supervisor stops.'))
    await Promise.all(this.#running.values().map(({ run }) => run))
  }

  /** Runs it before all others that wait, or joins the run that is under way. @returns `late` where that takes too long */
  async #soon(state: MirrorState, milliseconds: number): Promise<'late' | void> {
    if (state.phase === 'resting') state.dueAt = -Infinity
    const { promise } = state.over
    this.#fill()
    return await within(milliseconds, promise, 'late' as const)
  }

  /** Begins what is due, as long as there is room: the most overdue first. */
  #fill(): void {
    if (this.#ending.signal.aborted) return
    const now = performance.now()
    const due = this.#states
      .values()
      .filter((state) => state.dueAt <= now && state.phase === 'resting' && !this.#running.has(state))
      .toArray()
    for (const state of due.toSorted((one, other) => one.dueAt - other.dueAt)) {
      if (this.#running.size >= runsAtOnce) return
      const { repository } = state.mirror
      const isAlone = this.#running.keys().every((one) => one.mirror.repository !== repository)
      if (isAlone && this.#hasRoomAt(state) && this.#services.isPrimaryOf(repository)) this.#begin(state)
    }
  }

  #hasRoomAt({ mirror: { upstream } }: MirrorState): boolean {
    const isThere = (one: MirrorState) => one.mirror.upstream.host === upstream.host
    return this.#running.keys().filter(isThere).toArray().length < this.#services.hostSlots
  }

  #begin(state: MirrorState): void {
    const ending = new AbortController()
    const giveWay = () => ending.abort(new Error('Another host is to be the primary.'))
    const held = this.#services.hold(state.mirror.repository, giveWay)
    if (!held) return
    state.phase = 'looking'
    const run = this.#run(state, ending.signal).finally(() => {
      held[Symbol.dispose]()
      this.#running.delete(state)
      this.#fill()
    })
    this.#running.set(state, { ending, run })
  }

  /** Never rejects. */
  async #run(state: MirrorState, removed: AbortSignal): Promise<void> {
    const { mirror } = state
    const since = performance.now()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(longerThan(mirror.timeout)), mirror.timeout)
    const isEnding = () => this.#ending.signal.aborted || removed.aborted
    try {
      await readLastSuccess(state, this.#services.root)
      const signal = AbortSignal.any([this.#ending.signal, removed, late.signal])
      const onFetch = () => void (state.phase = 'fetching')
      const result = await runConfirmed(mirror, state.digest, this.#services, signal, onFetch)
      state.succeeded(since, result.digest, performance.now())
      reportSuccess(mirror, result, performance.now() - since, this.#services, this.#log)
    } catch (error) {
      if (isEnding()) return state.postponed(performance.now())
      reportFailure(state, mirrorErrorOf(error), performance.now() - since, this.#services, this.#log)
    } finally {
      clearTimeout(timer)
    }
  }
}

function isSame(one: Mirror, other: Mirror): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** As an earlier supervisor has left it. */
async function readLastSuccess(state: MirrorState, root: string): Promise<void> {
  if (state.succeededAt !== undefined) return
  const found = findRepository(root, state.mirror.repository)
  state.succeededAt = found && (await lastSuccessIn(found.gitDir))
}

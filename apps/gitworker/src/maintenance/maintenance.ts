import { relative } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { BundleKeeper, BundleWork } from '../bundles/bundle-keeper.ts'
import type { ReadPressure } from '../capacity/pressure.ts'
import type { MaintenanceStatus } from '../operations/host-status.ts'
import type { RunJob } from '../process/job/job.ts'
import { commonDirOf } from '../repository/repository.ts'
import { keepBundle } from './keep-bundle.ts'
import type { KeptBundle } from './keep-bundle.ts'
import { lookAtRepository } from './look.ts'
import { bytesOf, maintain } from './maintain.ts'
import type { Maintained, MaintainServices } from './maintain.ts'
import { readMaintenanceSwitch } from './maintenance-switch.ts'
import { planFor } from './plan.ts'
import type { Abilities, Task } from './plan.ts'
import { Schedule } from './schedule.ts'

const tickMs = 1000

/** Looks within one second: each takes about a millisecond. */
const looksAtOnce = 20

/** Somebody moves the repository, or a mirror brings it up to date. */
const givesWay: ReadonlySet<string> = new Set(['repository_moving', 'repository_busy'])

export type MaintenanceRun = {
  readonly tasks: readonly (Task['kind'] | BundleWork)[]
  readonly result: 'done' | 'failed'
  readonly milliseconds: number
  /** Negative where a repository has grown. */
  readonly savedBytes: number
}

export type MaintenanceServices = Omit<MaintainServices, 'now'> & {
  readonly root: string
  readonly runJob: RunJob
  /** How many repositories are worked on at once. */
  readonly slots: number
  /** Milliseconds for which what nothing needs is kept. Undefined: for ever. */
  readonly grace: number | undefined
  /** Whether git writes cruft packs (2.37). */
  readonly cruftPacks: boolean
  /** Whether other repositories borrow objects from this one. */
  readonly isLent: (gitDir: string) => Promise<boolean>
  readonly readPressure: ReadPressure
  /** Whether the host is about to stop: then what it still serves comes first, and a run would be for nothing. */
  readonly isLeaving: () => boolean
  /** Keeps a repository from being moved until it is disposed of, which `onClosing` asks for. @throws where it is being moved, or a mirror is at work there */
  readonly enter: (gitDir: string, onClosing: () => void) => Disposable
  readonly onRun: (run: MaintenanceRun) => void
  /** Undefined where there are no bundles. */
  readonly bundles: BundleKeeper | undefined
}

/** Keeps the repositories of a host in shape that requests come for. Disposing of it ends what runs. */
export class Maintenance implements AsyncDisposable {
  readonly #services: MaintenanceServices
  readonly #log: Logger
  readonly #schedule = new Schedule()
  readonly #running = new Map<string, Promise<void>>()
  readonly #ending = new AbortController()
  readonly #timer: NodeJS.Timeout
  #isLooking = false

  constructor(services: MaintenanceServices, log: Logger) {
    this.#services = services
    this.#log = log
    this.#timer = setInterval(() => void this.#tick(), tickMs).unref()
  }

  get counts(): Readonly<Record<'due' | 'waiting' | 'running', number>> {
    return { ...this.#schedule.counts, running: this.#running.size }
  }

  get status(): MaintenanceStatus {
    return {
      waiting: this.#schedule.counts.waiting,
      running: [...this.#running.keys()].map((one) => this.#nameOf(one)),
    }
  }

  /** A request to a repository is over. @param isPush whether it may have changed something */
  touch(gitDir: string, isPush: boolean): void {
    this.#schedule.touch(gitDir, isPush, performance.now())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#ending.abort(new Error('The supervisor stops.'))
    await Promise.all(this.#running.values())
  }

  async #tick(): Promise<void> {
    if (this.#isLooking || this.#ending.signal.aborted) return
    this.#isLooking = true
    try {
      for (const gitDir of this.#schedule.takeDue(performance.now(), looksAtOnce)) await this.#look(gitDir)
      this.#fill()
    } finally {
      this.#isLooking = false
    }
  }

  async #look(gitDir: string): Promise<void> {
    try {
      // A linked work tree shares all but its HEAD.
      const common = commonDirOf(gitDir)
      if (common !== gitDir) this.touch(common, true)
      else if (await this.#needsSomething(gitDir)) return this.#schedule.needs(gitDir)
    } catch (error) {
      // It was deleted, or cannot be read. Requests for it say so.
      this.#log.debug({ err: error, repository: this.#nameOf(gitDir) }, 'could not be looked at for maintenance')
    }
    this.#schedule.rests(gitDir, performance.now())
  }

  async #needsSomething(gitDir: string): Promise<boolean> {
    const abilities = await this.#abilitiesFor(gitDir)
    if (abilities === undefined) return false
    const look = await lookAtRepository(gitDir)
    if (planFor(look, abilities, Date.now()).length > 0) return true
    return (await this.#services.bundles?.workFor(gitDir, bytesOf(look), this.#ending.signal)) !== undefined
  }

  #fill(): void {
    while (this.#running.size < this.#services.slots && this.#schedule.counts.waiting > 0) {
      if (this.#services.isLeaving() || this.#services.readPressure().short) return
      const gitDir = this.#schedule.begin()
      if (gitDir === undefined) return
      const run = this.#run(gitDir).finally(() => this.#running.delete(gitDir))
      this.#running.set(gitDir, run)
    }
  }

  async #run(gitDir: string): Promise<void> {
    const since = performance.now()
    const closing = new AbortController()
    const giveWay = () => closing.abort(new Error('The repository is to be moved.'))
    const signal = AbortSignal.any([this.#ending.signal, closing.signal])
    try {
      using _use = this.#services.enter(gitDir, giveWay)
      const abilities = await this.#abilitiesFor(gitDir)
      const services = { ...this.#services, now: Date.now }
      const run = abilities && (await maintain(gitDir, abilities, services, signal))
      const took = performance.now() - since
      if (run === 'busy') return this.#schedule.failed(gitDir, performance.now())
      if (run) this.#report(gitDir, run, took)
      if (abilities) this.#reportBundle(gitDir, await keepBundle(this.#services.bundles, gitDir, signal))
      const isVain = run && abilities && planFor(run.after, abilities, Date.now()).length > 0
      this.#schedule.succeeded(gitDir, performance.now(), took, isVain)
    } catch (error) {
      if (this.#ending.signal.aborted) return
      const { reason } = Refusal.from(error)
      // It is for another host to do. This one looks again when it gets the next push.
      if (reason === 'misplaced') return this.#schedule.rests(gitDir, performance.now())
      // Were this a failure, a mirror that is often at work would be left alone for ever longer.
      if (closing.signal.aborted || givesWay.has(reason)) return this.#schedule.gaveWay(gitDir, performance.now())
      this.#schedule.failed(gitDir, performance.now())
      this.#services.onRun({ tasks: [], result: 'failed', milliseconds: performance.now() - since, savedBytes: 0 })
      this.#log.warn({ err: error, repository: this.#nameOf(gitDir) }, 'maintenance failed, and is tried again later')
    }
  }

  /** Undefined where the repository's own configuration turns maintenance off. */
  async #abilitiesFor(gitDir: string): Promise<Abilities | undefined> {
    const { runJob, grace, cruftPacks, isLent } = this.#services
    const { isOn, ...says } = await readMaintenanceSwitch(gitDir, runJob)
    if (!isOn) return undefined
    return { ...says, grace: grace !== undefined && (await isLent(gitDir)) ? undefined : grace, cruftPacks }
  }

  #report(gitDir: string, { done, before, after, removed }: Maintained, took: number): void {
    const savedBytes = Math.round(bytesOf(before) - bytesOf(after))
    const milliseconds = Math.round(took)
    this.#services.onRun({ tasks: done, result: 'done', milliseconds, savedBytes })
    const packs = [before.packs.length, after.packs.length]
    const looseObjects = [before.looseObjects, after.looseObjects]
    const looseRefs = [before.looseRefs, after.looseRefs]
    const repository = this.#nameOf(gitDir)
    const line = { repository, done, packs, looseObjects, looseRefs, savedBytes, ms: milliseconds }
    this.#log.info(removed.length === 0 ? line : { ...line, removed: removed.slice(0, 20) }, 'maintained')
  }

  #reportBundle(gitDir: string, kept: KeptBundle | undefined): void {
    if (!kept) return
    const { work, bytes, milliseconds } = kept
    this.#services.onRun({ tasks: [work], result: 'done', milliseconds, savedBytes: 0 })
    this.#log.info({ repository: this.#nameOf(gitDir), done: [work], bytes, ms: milliseconds }, 'bundle kept in shape')
  }

  #nameOf(gitDir: string): string {
    return relative(this.#services.root, gitDir)
  }
}

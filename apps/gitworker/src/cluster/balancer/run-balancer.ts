import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'
import { balancerStatus } from './balancer-status.ts'
import type { BalancerStatus } from './balancer-status.ts'
import { carryOut } from './carry-out.ts'
import { CopyChoice } from './decide/copies.ts'
import { decide } from './decide/decide.ts'
import type { Snapshot } from './decide/snapshot.ts'
import type { StepKind } from './decide/step.ts'
import { logDecision } from './decision-log.ts'
import { mendFormat } from './lost-format.ts'
import { Mandate } from './mandate.ts'
import { ObservedCluster } from './observed/observed-cluster.ts'
import { Troubles } from './troubles.ts'
import { Wake } from './wake.ts'

/*
 * Each host runs this. All of them follow the cluster; one of them balances:
 *
 *   following ──nobody balances──▶ seeking ──the key is free──▶ balancing ──its lease ends, or another has the key──┐
 *       ▲                            └── another was faster ──┐                                                     │
 *       └─────────────────────────────────────────────────────┴─────────────────────────────────────────────────────┘
 *
 * Balancing is: decide from what was seen, carry that out, wait until what was done is seen, and again.
 */

export type BalancerOptions = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  /** The name of this host. */
  readonly name: string
  /** Of the lease of whoever balances, in milliseconds. For as long, hosts must stay the same before slots are moved. */
  readonly ttl: number
  /** What the cluster agreed on when this host started, where that is known. */
  readonly agreed?: ClusterFormat | undefined
  readonly log: Logger
}

/** How long a decision waits for the watch to show the swaps of the one before. If it never does, swaps conflict, no more. */
const longestLagMs = 5000

/** After a conflict, or where the coordinator does not answer: from the first pause to the longest. */
const firstPauseMs = 50
const longestPauseMs = 2000

/** What happens within this time is looked at together. */
const gatherMs = 20

/** Begins to follow the cluster, and balances it whenever it is elected. It stops when it is disposed of. */
export function runBalancer(options: BalancerOptions): Balancer {
  return new Balancer(options)
}

export class Balancer implements AsyncDisposable {
  readonly #options: BalancerOptions
  readonly #stopping = new AbortController()
  readonly #wake = new Wake()
  readonly #cluster: ObservedCluster
  readonly #troubles: Troubles
  readonly #done: Record<StepKind, number> = {
    'assign': 0,
    'take over': 0,
    'hand over': 0,
    'take back': 0,
    'change copies': 0,
  }
  readonly #running: Promise<unknown>
  #mandate: Mandate | undefined
  #choice: CopyChoice | undefined
  #conflicts = 0
  #pauseMs = 0

  constructor(options: BalancerOptions) {
    this.#options = options
    this.#cluster = new ObservedCluster(options.keys, options.ttl, options.agreed)
    this.#troubles = new Troubles(options.log)
    this.#running = Promise.all([this.#follow(), this.#run()])
  }

  /** What the cluster agrees on, as this host has seen it. */
  get observed(): Pick<ObservedCluster, 'lastFormat' | 'formatFault'> {
    return this.#cluster
  }

  status(): BalancerStatus {
    const { balancer, revision } = this.#cluster
    const own = { balancer: balancer?.name, revision, done: { ...this.#done }, conflicts: this.#conflicts }
    return balancerStatus(own, this.#cluster.snapshot(performance.now()))
  }

  /** Stops, and lets another host balance at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    this.#wake.happen()
    await this.#running
  }

  async #follow(): Promise<void> {
    const { coordinator, keys } = this.#options
    for await (const watched of coordinator.watch(keys.prefix, this.#stopping.signal)) {
      await this.#cluster.see(watched, performance.now())
      this.#wake.happen()
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const waitMs = await this.#turn().catch((error: unknown) => this.#fail(error))
      await this.#wake.sleep(waitMs)
      await pause(gatherMs)
    }
    await this.#resign()
  }

  /** @returns after how many milliseconds it is to be called again, if nothing happens until then */
  async #turn(): Promise<number> {
    const cluster = this.#cluster
    if (this.#mandate && !this.#holds(this.#mandate)) await this.#resign()
    if (!this.#mandate && cluster.revision > 0 && !cluster.balancer) await this.#seek()
    const mandate = this.#mandate
    if (!mandate) return cluster.revision > 0 && !cluster.balancer ? this.#pauseLonger() : Infinity
    if (cluster.revision < mandate.revision) return Infinity
    const snapshot = cluster.snapshot(performance.now())
    if (snapshot) return await this.#balance(mandate, snapshot)
    await mendFormat({ ...this.#options, cluster, troubles: this.#troubles }, mandate)
    return Infinity
  }

  async #balance(mandate: Mandate, snapshot: Snapshot): Promise<number> {
    const { coordinator, keys, log } = this.#options
    const choice = this.#choice?.isFor(snapshot) ? this.#choice : new CopyChoice(snapshot)
    this.#choice = choice
    await choice.prepare(snapshot.slots)
    const steps = decide(snapshot, choice)
    if (steps.length === 0) {
      if (snapshot.isCalm) this.#troubles.look(snapshot)
      return this.#cluster.changesAt(snapshot.now) - performance.now()
    }
    const { carried, conflicts, error } = await carryOut(coordinator, keys, mandate, steps, () => this.#holds(mandate))
    for (const { step } of carried) this.#done[step.kind]++
    this.#conflicts += conflicts
    logDecision(log, carried, conflicts)
    if (error !== undefined) throw error
    this.#troubles.worked()
    await this.#untilSeen(Math.max(0, ...carried.map(({ revision }) => revision)))
    if (carried.length < steps.length) return this.#pauseLonger()
    this.#pauseMs = 0
    return 0
  }

  /** Whether this host balances, as far as it knows. */
  #holds(mandate: Mandate): boolean {
    const { balancer, revision } = this.#cluster
    const isSeen = revision >= mandate.revision
    return mandate.isLive && !this.#stopping.signal.aborted && (!isSeen || balancer?.revision === mandate.revision)
  }

  async #seek(): Promise<void> {
    const { coordinator, keys, name, ttl, log } = this.#options
    const mandate = await Mandate.seek(coordinator, keys, name, ttl)
    this.#troubles.worked()
    if (!mandate) return
    this.#mandate = mandate
    mandate.ended.addEventListener('abort', () => this.#wake.happen(), { once: true })
    log.info({ host: name, revision: mandate.revision }, 'balancer: this host balances the cluster')
    await this.#untilSeen(mandate.revision)
  }

  async #resign(): Promise<void> {
    const mandate = this.#mandate
    if (!mandate) return
    this.#mandate = undefined
    const { name, log } = this.#options
    log.info({ host: name, revision: mandate.revision }, 'balancer: this host balances the cluster no more')
    await mandate[Symbol.asyncDispose]()
  }

  /** Waits until the watch has come to a revision, or for long enough: then swaps conflict, and no more. */
  async #untilSeen(revision: number): Promise<void> {
    const until = performance.now() + longestLagMs
    while (this.#cluster.revision < revision && performance.now() < until && !this.#stopping.signal.aborted) {
      await this.#wake.sleep(until - performance.now())
    }
  }

  #fail(error: unknown): number {
    this.#troubles.failed(error)
    return this.#pauseLonger()
  }

  #pauseLonger(): number {
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs)
    return this.#pauseMs * (0.5 + Math.random() / 2)
  }
}

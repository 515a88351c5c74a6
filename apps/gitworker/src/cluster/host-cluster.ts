import type { Watched } from '@sluice/shared/coordinator/coordinator'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { runBalancer } from './balancer/run-balancer.ts'
import type { Balancer } from './balancer/run-balancer.ts'
import type { HostClusterOptions } from './host-cluster-options.ts'
import { Handovers } from './handover/handovers.ts'
import { InSyncSwaps } from './handover/in-sync-swaps.ts'
import { leaveCluster } from './handover/leave-cluster.ts'
import { SlotSwaps } from './handover/slot-swaps.ts'
import { agreeOnFormat } from './member/format-agreement.ts'
import { HostTable } from './member/host-table.ts'
import { LeaseWatch } from './member/lease-watch.ts'
import { Registration } from './member/registration.ts'
import { becomeMember, patiently } from './member/first-join.ts'
import { Placement } from './placement/placement.ts'
import { HostReads } from './reads/host-reads.ts'
import { SlotHolds } from './placement/slot-holds.ts'
import { shownFormat, statusOf, viewOf } from './shown/shown-host.ts'
import type { ShownHost } from './shown/shown-host.ts'
import type { ClusterHostStatus } from './shown/cluster-status.ts'
import { SlotTable } from './table/slot-table.ts'

/*
 * A host's part in its cluster:
 *
 *   member/     its record, on a lease; who else is there
 *   table/      who keeps each slot
 *   placement/  whether this host serves a request, and may acknowledge a push
 *   reads/      whether a copy may be read from
 *   handover/   giving slots to others; leaving
 *   balancer/   who is to keep what: whichever host is elected decides
 *   shown/      for operators
 *
 * etcd is asked nothing for a request: all that is needed is the table and the lease, which are kept up by themselves.
 */

export class HostCluster implements AsyncDisposable {
  readonly placement: Placement
  readonly inSync: InSyncSwaps
  /** Who keeps each slot, and the hosts that live, as far as this host has heard. */
  readonly known: { readonly slots: SlotTable; readonly hosts: Pick<HostTable, 'get' | 'all'> }
  readonly reads: HostReads
  readonly #options: HostClusterOptions
  readonly #ending = new AbortController()
  readonly #table: SlotTable
  readonly #hosts: HostTable
  readonly #holds = new SlotHolds()
  readonly #handovers: Handovers
  readonly #parts = new AsyncDisposableStack()
  #registration: Registration | undefined
  #leaseWatch: LeaseWatch | undefined
  #balancer: Balancer | undefined
  #address = ''
  /** As it was at the start; undefined before `agree`. */
  #agreed: ClusterFormat | undefined

  constructor(options: HostClusterOptions) {
    const { coordinator, keys, identity, metrics, log } = options
    const { name } = identity
    this.#options = options
    this.#table = new SlotTable(keys, {
      onInvalid: (slot, revision) =>
        log.warn({ slot, revision, key: keys.slot(slot) }, 'the value of a slot is not valid: nobody serves it'),
      onWentBack: (from, to) => {
        log.error({ from, to }, 'etcd has gone back to an older revision: was it restored? Its table is taken as it is')
        this.#registration?.lose('etcd has gone back to an older revision')
      },
    })
    this.#hosts = new HostTable(keys)
    const leaseNow = () => this.#registration?.lease
    const table = this.#table
    const hosts = this.#hosts
    this.known = { slots: table, hosts }
    const swaps = new SlotSwaps({ coordinator, keys, table, hosts, log })
    const known = { name, run: identity.run, table, hosts, leaseNow, inDoubt: swaps.inDoubt }
    this.reads = this.#parts.use(new HostReads({ ...known, ttl: options.ttl }))
    this.placement = new Placement({
      name,
      leaseNow,
      table,
      hosts,
      holds: this.#holds,
      minInSync: options.minInSync,
      reads: options.format.storage === 'own' ? this.reads : undefined,
      onRefused: (reason) => metrics.refused(reason),
    })
    this.inSync = new InSyncSwaps({ name, coordinator, keys, table, hosts, log })
    const longestWait = options.longestHandover
    this.#handovers = new Handovers({ name, table, holds: this.#holds, swaps, log, longestWait })
  }

  /**
   * Makes sure that this host means the same as the others.
   *
   * @throws {ConfigError} where it does not, or etcd does not answer
   */
  async agree(): Promise<void> {
    const { coordinator, keys, format, areCopiesChosen, log } = this.#options
    this.#agreed = await patiently(performance.now(), () =>
      agreeOnFormat(coordinator, keys, format, areCopiesChosen ? log : undefined),
    )
  }

  /**
   * Becomes a member, and stays one until disposed of.
   *
   * @param address where gateways reach this host
   * @throws {ConfigError} where another host has its name, or etcd does not answer
   */
  async join(address: string): Promise<void> {
    const { coordinator, keys, identity, ttl, log } = this.#options
    const { name, ...record } = identity
    this.#address = address
    const registration = this.#parts.use(
      new Registration({
        coordinator,
        keys,
        name,
        ttl,
        record: { ...record, address },
        catchUp: () => this.#table.look(coordinator),
        onLost: () => this.#holds.giveWay(),
        log,
      }),
    )
    await becomeMember(registration, name, ttl)
    this.#registration = registration
    registration.keep()
    const takeHosts = (watched: Watched) => {
      this.#hosts.take(watched)
      registration.seen(this.#hosts.get(name)?.record, this.#hosts.revision)
    }
    const takeSlots = (watched: Watched) => this.#table.take(watched)
    const watching = [this.#watch(keys.slots, takeSlots), this.#watch(keys.hosts, takeHosts)]
    this.#parts.defer(async () => void (await Promise.all(watching)))
    this.#parts.defer(() => this.#ending.abort())
    this.#leaseWatch = this.#parts.use(new LeaseWatch(registration, () => this.#holds.giveWay(), log))
    this.#parts.use(this.#handovers)
    this.#balancer = this.#parts.use(runBalancer({ coordinator, keys, name, ttl, agreed: this.#agreed, log }))
    const { lease, slots } = this.status
    log.info({ host: name, address, lease: lease?.id, slots: slots.primary }, 'joined the cluster')
  }

  /** Hands all slots over, where others can take them. @param timeoutMs at most */
  async leave(timeoutMs: number, hurry: AbortSignal): Promise<void> {
    const { identity, format, log } = this.#options
    if (!this.#registration) return
    const ofHost = { name: identity.name, storage: format.storage, registration: this.#registration, log }
    await leaveCluster({ ...ofHost, table: this.#table, hosts: this.#hosts }, timeoutMs, hurry)
  }

  get hasJoined(): boolean {
    return this.#registration !== undefined
  }

  /** Why this host takes no pushes; undefined if it does. */
  get problem(): string | undefined {
    return this.placement.isLive ? undefined : 'no lease: the cluster may take this host for dead'
  }

  /** What this host knows of its cluster. */
  get view(): ClusterView {
    return viewOf(this.#shown)
  }

  /** How this host stands in it. */
  get status(): ClusterHostStatus {
    return statusOf(this.#shown)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }

  get #shown(): ShownHost {
    const { identity, metrics, keys, minInSync } = this.#options
    const balancing = this.#balancer?.status()
    return {
      identity,
      minInSync,
      ...shownFormat(keys.format, this.#agreed ?? this.#options.format, this.#balancer?.observed),
      address: this.#address,
      lease: this.#registration?.lease,
      isLeaving: this.#registration?.isLeaving ?? false,
      doubtMs: this.#leaseWatch?.doubtMs ?? 0,
      balancer: balancing?.balancer,
      unsteady: balancing?.hosts.flatMap(({ name, state }) => (state === 'unsteady' ? [name] : [])) ?? [],
      table: this.#table,
      hosts: this.#hosts.all,
      handovers: this.#handovers,
      refused: metrics.counts,
    }
  }

  async #watch(prefix: string, take: (watched: Watched) => void | Promise<void>): Promise<void> {
    for await (const watched of this.#options.coordinator.watch(prefix, this.#ending.signal)) await take(watched)
  }
}

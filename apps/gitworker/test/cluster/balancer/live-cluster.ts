import assert from 'node:assert/strict'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Change, Lease } from '@sluice/shared/coordinator/coordinator'
import { writeHostRecord } from '@sluice/shared/placement/host-record'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys, slotOfKey } from '@sluice/shared/placement/keys'
import { parseJson, readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { runBalancer } from '../../../src/cluster/balancer/run-balancer.ts'
import type { Balancer } from '../../../src/cluster/balancer/run-balancer.ts'
import { recordLog } from '../../support/recorded-log.ts'

/** Of whoever balances. The hosts' own leases end only when a test says so: a slow machine kills nobody. */
const balancerTtl = 1000
const hostTtl = 10 * 60_000

type Written = { readonly primary: string | null; readonly copies: readonly string[]; readonly next: string | null }

/** Hosts in this process, on one coordinator. Each has a balancer, and hands over what it is told to. */
export class LiveCluster implements AsyncDisposable {
  readonly keys = clusterKeys('/test/')
  readonly store = new KeyStore()
  readonly hosts = new Map<string, LiveHost>()
  readonly operator = new InProcessCoordinator(this.store)
  readonly #over = new AbortController()
  readonly #history: Change[] = []
  readonly #recording: Promise<void>
  #seen: { readonly revision: number; readonly records: Written[] } = { revision: 0, records: [] }

  constructor(storage: 'shared' | 'own' = 'shared', copies = 1) {
    this.store.swap([
      {
        key: this.keys.format,
        expected: 0,
        value: JSON.stringify({ version: 1, slots: 4096, storage, copies }),
      },
    ])
    this.#recording = this.#record()
  }

  async join(name: string, record: Partial<HostRecord> = {}): Promise<LiveHost> {
    const host = new LiveHost(this, name)
    await host.register(record)
    this.hosts.set(name, host)
    return host
  }

  /** As if its process had been killed. */
  async kill(name: string): Promise<void> {
    const host = this.hosts.get(name)
    this.hosts.delete(name)
    await host?.kill()
  }

  async put(key: string, value: string | undefined): Promise<void> {
    await this.operator.swap([{ key, expected: undefined, value }])
  }

  /** What is written about all slots now. */
  records(): Written[] {
    const { revision, entries } = this.store.read(this.keys.slots)
    if (revision !== this.#seen.revision) {
      this.#seen = { revision, records: entries.map(({ value }) => parseJson(value) as Written) }
    }
    return this.#seen.records
  }

  primaries(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { primary } of this.records()) counts[primary ?? ''] = (counts[primary ?? ''] ?? 0) + 1
    return counts
  }

  /** The host that balances now. */
  balancer(): LiveHost | undefined {
    return this.hosts.get(this.store.read(this.keys.balancer).entries[0]?.value ?? '')
  }

  /**
   * Checks each change that there ever was: a primary changes only by a handover to `next`, or while its host is not there;
   * then the term is the revision of the change, else it stays.
   *
   * @returns how often a primary changed
   */
  checkHistory(): number {
    const there = new Set<string>()
    const slots = new Map<number, SlotRecord>()
    let changes = 0
    for (const { key, value, revision } of this.#history) {
      if (key.startsWith(this.keys.hosts))
        there[value === undefined ? 'delete' : 'add'](key.slice(this.keys.hosts.length))
      const slot = slotOfKey(this.keys, key)
      const record = slot === undefined || value === undefined ? undefined : readSlotRecord(value, revision)
      if (slot !== undefined && value === undefined) slots.delete(slot)
      if (slot === undefined || !record) continue
      const before = slots.get(slot)
      slots.set(slot, record)
      if (!before) continue
      if (before.primary === record.primary) {
        assert.equal(record.term, before.term, `slot ${slot} has a new term in revision ${revision}`)
        continue
      }
      changes++
      assert.equal(record.term, revision)
      assert.ok(
        before.next === record.primary || !there.has(before.primary ?? ''),
        `slot ${slot} was taken in ${revision}`,
      )
    }
    return changes
  }

  async #record(): Promise<void> {
    for await (const watched of this.operator.watch(this.keys.prefix, this.#over.signal)) {
      if (watched.kind === 'changes') this.#history.push(...watched.changes)
      else assert.equal(this.#history.length, 0)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.kill()))
    this.#over.abort()
    await this.#recording
    await this.operator[Symbol.asyncDispose]()
  }
}

export class LiveHost {
  readonly name: string
  readonly coordinator: InProcessCoordinator
  readonly balancer: Balancer
  readonly lines: Record<string, unknown>[]
  /** Whether it lets go of slots that it is to hand over. */
  handsOver = true
  readonly #cluster: LiveCluster
  readonly #over = new AbortController()
  readonly #handingOver: Promise<void>
  #lease: Lease | undefined

  constructor(cluster: LiveCluster, name: string) {
    this.#cluster = cluster
    this.name = name
    this.coordinator = new InProcessCoordinator(cluster.store)
    const { lines, log } = recordLog()
    this.lines = lines
    this.balancer = runBalancer({ coordinator: this.coordinator, keys: cluster.keys, name, ttl: balancerTtl, log })
    this.#handingOver = this.#handOver()
  }

  async register(record: Partial<HostRecord> = {}): Promise<void> {
    this.#lease ??= await this.coordinator.grantLease(hostTtl)
    const all = {
      address: 'a:1',
      version: '1',
      weight: 100,
      zone: '',
      run: `${Math.random()}`,
      isLeaving: false,
      ...record,
    }
    const key = this.#cluster.keys.host(this.name)
    await this.coordinator.swap([{ key, expected: undefined, value: writeHostRecord(all), lease: this.#lease }])
  }

  /** Nobody has heard of it for so long that it is not there any more. */
  endLease(): void {
    if (this.#lease) this.#cluster.store.endLease(this.#lease.id)
    this.#lease = undefined
  }

  /** It asks nobody any more, and its lease ends. That of a balancer ends by itself. */
  async kill(): Promise<void> {
    this.#over.abort()
    this.coordinator.isAway = true
    this.endLease()
    await this.coordinator[Symbol.asyncDispose]()
    await this.balancer[Symbol.asyncDispose]()
    await this.#handingOver
  }

  async #handOver(): Promise<void> {
    for await (const watched of this.coordinator.watch(this.#cluster.keys.slots, this.#over.signal)) {
      const entries: readonly Change[] = watched.kind === 'all' ? watched.entries : watched.changes
      const parts = entries.flatMap(({ key, value, revision }) => {
        const record = value === undefined ? undefined : readSlotRecord(value, revision)
        const next = record?.next
        if (!this.handsOver || record?.primary !== this.name) return []
        if (next === undefined || !record.inSync.includes(next) || !this.#lease?.isLive) return []
        const written = writeSlotRecord({ ...record, primary: next, next: undefined, term: undefined })
        return [{ key, expected: revision, value: written }]
      })
      for (let first = 0; first < parts.length; first += mostSwapped) {
        await this.coordinator.swap(parts.slice(first, first + mostSwapped)).catch(() => {})
      }
    }
  }
}

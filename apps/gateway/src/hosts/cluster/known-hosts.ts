import type { Change, Watched } from '@sluice/shared/coordinator/coordinator'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { parseAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { hostName } from '@sluice/shared/placement/slot-record'
import type { ToldHost } from '@sluice/shared/placement/told-slot'
import { ClusterHost } from './cluster-host.ts'
import type { ClusterHostOptions } from './cluster-host.ts'

export type KnownHostsEvents = {
  /** Hosts have come, gone, or moved to another address. */
  readonly onChange: (what: HostChange) => void
  /** A value is not valid: its host counts as one that does not live. */
  readonly onInvalid: (key: string, revision: number) => void
}

export type HostChange = { readonly name: string; readonly what: 'came' | 'moved' | 'went'; readonly address: string }

/** The hosts whose keys live, each with its connections. */
export class KnownHosts implements AsyncDisposable {
  readonly #keys: ClusterKeys
  readonly #options: ClusterHostOptions
  readonly #events: KnownHostsEvents
  readonly #hosts = new Map<string, ClusterHost>()
  /** Those that went, and still answer something. */
  readonly #leaving = new Set<ClusterHost>()
  /** When hosts went, by `performance.now()`. */
  readonly #wentAt = new Map<string, number>()
  #knownSince = 0
  /** Of the newest change that the watch has brought. */
  #revision = 0
  #isKnown = false

  constructor(keys: ClusterKeys, options: ClusterHostOptions, events: KnownHostsEvents) {
    this.#keys = keys
    this.#options = options
    this.#events = events
  }

  /** Whether the hosts have been read. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  get size(): number {
    return this.#hosts.size
  }

  get(name: string): ClusterHost | undefined {
    return this.#hosts.get(name)
  }

  [Symbol.iterator](): IterableIterator<ClusterHost> {
    return this.#hosts.values()
  }

  /** Since when a host is missing, by `performance.now()`. */
  missingSince(name: string): number {
    return this.#wentAt.get(name) ?? this.#knownSince
  }

  async take(watched: Watched): Promise<void> {
    const turn = new LoopTurn()
    this.#revision = watched.revision
    const changes = watched.kind === 'all' ? this.#changesTo(watched.entries) : watched.changes
    for (const change of changes) {
      this.#take(change)
      await turn.letOthers()
    }
    if (this.#isKnown || watched.kind !== 'all') return
    this.#isKnown = true
    this.#knownSince = performance.now()
  }

  /**
   * Takes over what another host has told of one, if it is newer. To be called while the coordinator is away only: its watch
   * then brings the same change, and all before it, when it is back.
   */
  takeTold(name: string, { record, revision }: ToldHost): void {
    const address = parseAddress(record.address)
    const known = this.#hosts.get(name)?.revision ?? 0
    if (address === undefined || revision <= Math.max(this.#revision, known)) return
    this.#set(name, { record, revision }, address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#hosts.values(), ...this.#leaving]
    this.#hosts.clear()
    await Promise.all(all.map((host) => host[Symbol.asyncDispose]()))
  }

  #changesTo(entries: readonly Change[]): Change[] {
    const present = new Set(entries.map(({ key }) => key))
    const missing = [...this.#hosts.keys()].map((name) => this.#keys.host(name)).filter((key) => !present.has(key))
    return [...entries, ...missing.map((key) => ({ key, value: undefined, revision: 0 }))]
  }

  #take({ key, value, revision }: Change): void {
    const name = key.slice(this.#keys.hosts.length)
    const record = value === undefined ? undefined : readHostRecord(value)
    const address = record && parseAddress(record.address)
    const isValid = hostName.safeParse(name).success && address !== undefined
    if (value !== undefined && !isValid) this.#events.onInvalid(key, revision)
    if (!isValid) return this.#remove(name)
    this.#set(name, { record: record!, revision }, address)
  }

  #set(name: string, told: ToldHost, address: Address): void {
    const { record } = told
    const known = this.#hosts.get(name)
    if (known?.record.address === record.address) return known.update(told)
    this.#hosts.set(name, new ClusterHost(name, told, address, this.#options))
    this.#wentAt.delete(name)
    if (known) this.#leave(known)
    this.#events.onChange({ name, what: known ? 'moved' : 'came', address: record.address })
  }

  #remove(name: string): void {
    const host = this.#hosts.get(name)
    if (!host) return
    this.#hosts.delete(name)
    // Names are few: those of machines. A bound all the same.
    if (this.#wentAt.size >= mostRemembered) this.#wentAt.clear()
    this.#wentAt.set(name, performance.now())
    this.#leave(host)
    this.#events.onChange({ name, what: 'went', address: host.record.address })
  }

  #leave(host: ClusterHost): void {
    this.#leaving.add(host)
    void host.leave().finally(() => this.#leaving.delete(host))
  }
}

const mostRemembered = 10_000

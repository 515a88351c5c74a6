import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys, slotOfKey } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { newCommit } from './commits.ts'
import { push, readRefs, takesPushes } from './git-requests.ts'
import type { History } from './history.ts'
import { oneOf } from './random.ts'

const keys = clusterKeys('/sluice/')
const betweenMs = 40

/** Clients of a cluster, at work until the signal is aborted. */
export class Clients {
  readonly #cluster: Cluster
  readonly #coordinator: Coordinator
  readonly #history: History
  readonly #random: () => number
  readonly #over: AbortSignal
  readonly #primaries = new Map<number, string | undefined>()
  readonly #places = new Set<string>()
  #made = 0

  constructor(cluster: Cluster, coordinator: Coordinator, history: History, random: () => number, over: AbortSignal) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#history = history
    this.#random = random
    this.#over = over
  }

  /** Each `repository ref` that anybody has pushed to. */
  get places(): readonly string[] {
    return [...this.#places]
  }

  /** The hosts that keep what is pushed to. */
  get primaries(): readonly string[] {
    return [...this.#primaries.values()].filter((name) => name !== undefined)
  }

  /** Pushes to one reference, through any gateway. Others may push to it, too. */
  async pushThroughGateways(repository: string, ref: string): Promise<void> {
    while (!this.#over.aborted) await this.#pushOnce(repository, ref, this.#gateway())
  }

  /** Pushes to new repositories, each a few times. */
  async create(name: string): Promise<void> {
    for (let index = 0; !this.#over.aborted; index++) {
      for (let turn = 0; turn < 3 && !this.#over.aborted; turn++) {
        await this.#pushOnce(`${name}-${index}.git`, 'refs/heads/main', this.#gateway())
      }
    }
  }

  /** Pushes to the host that etcd names, past the gateways: what it says is its own word. */
  async pushToPrimary(repository: string, ref: string): Promise<void> {
    const slot = slotOf(repository)
    while (!this.#over.aborted) {
      const host = this.#cluster.hosts.find(({ name }) => name === this.#primaries.get(slot))
      if (!host) await pause(betweenMs)
      else await this.#pushOnce(repository, ref, host.app.address, { host: host.name, slot })
    }
  }

  /** Reads references, through gateways and from hosts. */
  async read(): Promise<void> {
    while (!this.#over.aborted) {
      const place = oneOf(this.#random, this.places)
      if (place !== undefined) await this.readPlace(place, ...this.#anybody())
      await pause(betweenMs)
    }
  }

  /** @returns whether there was an answer */
  async readPlace(place: string, by: string, address: string): Promise<boolean> {
    const [repository, ref] = place.split(' ') as [string, string]
    const began = performance.now()
    const refs = await readRefs(address, repository, this.#random() < 0.5 ? 0 : 2)
    if (!refs) return false
    this.#history.read({ place, by, found: refs.get(ref), began, ended: performance.now() })
    return true
  }

  /** Asks all hosts all the time whether they are primary, also those that do not answer just now. */
  async askHosts(repository: string): Promise<void> {
    const slot = slotOf(repository)
    const open = new Map<string, number>()
    const askOne = async (host: string, address: string) => {
      const began = performance.now()
      open.set(host, (open.get(host) ?? 0) + 1)
      const isPrimary = await takesPushes(address, repository)
      open.set(host, open.get(host)! - 1)
      if (isPrimary) this.#history.claimed({ host, slot, what: 'said so', began, ended: performance.now() })
    }
    const asking: Promise<void>[] = []
    while (!this.#over.aborted) {
      for (const { name, app } of this.#cluster.hosts)
        if ((open.get(name) ?? 0) < 8) asking.push(askOne(name, app.address))
      await pause(150)
    }
    await Promise.all(asking)
  }

  /** Looks into etcd all the time. */
  async look(repository: string): Promise<void> {
    const slot = slotOf(repository)
    for (let isLast = false; !isLast; await pause(50)) {
      isLast = this.#over.aborted
      const began = performance.now()
      const read = await this.#coordinator.read(keys.slot(slot)).catch(() => undefined)
      const entry = read?.entries[0]
      if (!entry) continue
      this.#placed(slot, entry.value, entry.revision)
      this.#history.looked({ slot, revision: entry.revision, began, ended: performance.now() })
    }
  }

  /** Follows the records of slots. */
  async follow(repositories: readonly string[], signal: AbortSignal): Promise<void> {
    const slots = new Set(repositories.map(slotOf))
    for await (const watched of this.#coordinator.watch(keys.slots, signal)) {
      for (const { key, value, revision } of watched.kind === 'all' ? watched.entries : watched.changes) {
        const slot = slotOfKey(keys, key)
        if (slot !== undefined && slots.has(slot) && value !== undefined) this.#placed(slot, value, revision)
      }
    }
  }

  #placed(slot: number, value: string, revision: number): void {
    const primary = readSlotRecord(value, revision)?.primary
    this.#primaries.set(slot, primary)
    this.#history.placed({ slot, revision, primary })
  }

  async #pushOnce(
    repository: string,
    ref: string,
    address: string,
    direct?: { readonly host: string; readonly slot: number },
  ): Promise<void> {
    await pause(betweenMs * this.#random())
    const refs = await readRefs(direct ? address : this.#gateway(), repository, 0)
    if (!refs) return
    const place = `${repository} ${ref}`
    this.#places.add(place)
    const number = ++this.#made
    const commit = newCommit(refs.get(ref), `push ${number} to ${place}`, 1_700_000_000 + number)
    this.#history.made(commit)
    const began = performance.now()
    const pushed = await push(address, repository, ref, commit)
    const ended = performance.now()
    this.#history.pushed({ place, commit: commit.id, isHeld: !direct, began, ended, ...pushed })
    if (direct && pushed.outcome === 'acknowledged') {
      this.#history.claimed({ ...direct, what: `acknowledged ${commit.id}`, began, ended })
    }
  }

  #gateway(): string {
    return oneOf(this.#random, this.#cluster.gateways).app.address
  }

  #anybody(): [by: string, address: string] {
    const { gateways, hosts } = this.#cluster
    const { name, app } = oneOf(this.#random, this.#random() < 0.7 ? gateways : hosts)
    return [name, app.address]
  }
}

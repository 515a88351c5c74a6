import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys, slotOfKey } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { takesPushes } from './git-requests.ts'
import type { History } from './history.ts'

const keys = clusterKeys('/sluice/')

/** Each time, whoever says yes starts git. */
const askEveryMs = 300

/** Watches who is primary of some slots: as etcd says, and as hosts say. */
export class Primaries {
  readonly #cluster: Cluster
  readonly #coordinator: Coordinator
  readonly #history: History
  readonly #over: AbortSignal
  readonly #bySlot = new Map<number, string | undefined>()

  constructor(cluster: Cluster, coordinator: Coordinator, history: History, over: AbortSignal) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#history = history
    this.#over = over
  }

  /** The hosts that keep the slots that are watched. */
  get names(): readonly string[] {
    return [...this.#bySlot.values()].filter((name) => name !== undefined)
  }

  /** The host that keeps a slot that is watched, as etcd says. */
  of(slot: number): string | undefined {
    return this.#bySlot.get(slot)
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
    const asking = new Set<Promise<void>>()
    while (!this.#over.aborted) {
      for (const { name, app } of this.#cluster.hosts) {
        if ((open.get(name) ?? 0) >= 8) continue
        const asked = askOne(name, app.address).finally(() => asking.delete(asked))
        asking.add(asked)
      }
      await pause(askEveryMs)
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
    this.#bySlot.set(slot, primary)
    this.#history.placements.add({ slot, revision, primary })
  }
}

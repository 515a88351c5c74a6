import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SlotTable } from '../table/slot-table.ts'

export type InSyncServices = {
  /** The name of this host. */
  readonly name: string
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly table: SlotTable
  readonly log: Logger
}

const mostAttempts = 10

/** Takes copies out of those that are in sync, as the primary of their slot. */
export class InSyncSwaps {
  readonly #services: InSyncServices

  constructor(services: InSyncServices) {
    this.#services = services
  }

  /**
   * Resolves when a copy is out. It may answer reads for as long as it has a read lease: see `ReadGrants.settled`.
   *
   * @throws where this host is not the primary in this term any more, or the coordinator does not answer
   */
  async remove(slot: number, term: number, copy: string, why: unknown): Promise<void> {
    const { name, log } = this.#services
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const { record } = this.#services.table.at(slot)
      if (record?.primary !== name || record.term !== term) break
      if (!record.inSync.includes(copy)) return
      const revision = await this.#swap(slot, copy)
      if (revision === undefined) continue
      log.warn({ slot, copy, term, revision, err: why }, 'took a copy out of those in sync')
      return
    }
    throw new Error(`${name} is not the primary of slot ${slot} in term ${term} any more.`)
  }

  /** @returns undefined where the record had changed, which is known then */
  async #swap(slot: number, copy: string): Promise<number | undefined> {
    const { coordinator, keys, table } = this.#services
    const { record, revision } = table.at(slot)
    if (!record) return undefined
    const without = { ...record, inSync: record.inSync.filter((host) => host !== copy) }
    const key = keys.slot(slot)
    const done = await coordinator.swap([{ key, expected: revision, value: writeSlotRecord(without) }])
    if (done.isDone) {
      table.takeOne(slot, without, done.revision)
      return done.revision
    }
    const { entries } = await coordinator.read(key)
    const found = entries.find((entry) => entry.key === key)
    if (found) table.takeOne(slot, readSlotRecord(found.value, found.revision), found.revision)
    return undefined
  }
}

import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SlotTable } from '../table/slot-table.ts'
import { makeCertain } from './make-certain.ts'

export type InSyncServices = {
  /** The name of this host. */
  readonly name: string
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly table: SlotTable
  readonly log: Logger
}

const mostAttempts = 10

/** Takes copies into those that are in sync, and out of them, as the primary of their slot. */
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

  /**
   * Takes a copy in. Resolves when it is certain whether it is in, and the table says so.
   *
   * @param mayEnter called before each attempt
   * @param signal ends the wait for certainty, where the coordinator does not answer
   * @throws where this host is not the primary in this term any more, or it is not certain at the signal
   */
  async add(slot: number, term: number, copy: string, mayEnter: () => boolean, signal: AbortSignal): Promise<boolean> {
    const { name, coordinator, keys, table, log } = this.#services
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const { record, revision } = table.at(slot)
      if (record?.primary !== name || record.term !== term) break
      if (record.inSync.includes(copy)) return true
      if (!record.copies.includes(copy) || !mayEnter()) return false
      const withIt = { ...record, inSync: [...record.inSync, copy] }
      try {
        const value = writeSlotRecord(withIt)
        const done = await coordinator.swap([{ key: keys.slot(slot), expected: revision, value }])
        if (done.isDone) table.takeOne(slot, withIt, done.revision)
        else await this.#look(slot)
      } catch {
        if (!(await makeCertain(this.#services, slot, { record, revision }, signal))) throw signal.reason
      }
      const { record: now } = table.at(slot)
      if (now?.inSync.includes(copy)) {
        log.info({ slot, copy, term, revision: table.at(slot).revision }, 'took a copy into those in sync')
        return true
      }
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
    await this.#look(slot)
    return undefined
  }

  async #look(slot: number): Promise<void> {
    const { coordinator, keys, table } = this.#services
    const key = keys.slot(slot)
    const { entries } = await coordinator.read(key)
    const found = entries.find((entry) => entry.key === key)
    if (found) table.takeOne(slot, readSlotRecord(found.value, found.revision), found.revision)
  }
}

import { readSlotRecord, withoutInSync, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { whyOf } from '@sluice/shared/telemetry/why'
import { InSyncAdditions } from './in-sync-additions.ts'
import type { AdditionServices, Joining } from './in-sync-additions.ts'

const mostAttempts = 10

/** Takes copies into those that are in sync, and out of them, as the primary of their slot. */
export class InSyncSwaps {
  readonly #services: AdditionServices
  readonly #additions: InSyncAdditions

  constructor(services: AdditionServices) {
    this.#services = services
    this.#additions = new InSyncAdditions(services)
  }

  /**
   * Resolves when a copy is out. It may answer reads for as long as it has a read lease: see `ReadGrants.settled`.
   *
   * @throws where this host is not the primary in this term any more, or the coordinator does not answer
   */
  async remove(slot: number, term: number, copy: string, why: unknown): Promise<void> {
    const { name } = this.#services
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const { record } = this.#services.table.at(slot)
      if (record?.primary !== name || record.term !== term) break
      if (!record.inSync.includes(copy)) return
      const revision = await this.#swap(slot, copy)
      if (revision === undefined) continue
      this.#say({ slot, copy, term, revision }, why)
      return
    }
    throw new Error(`${name} is not the primary of slot ${slot} in term ${term} any more.`)
  }

  /** It is no fault where the host of the copy stops, and has said so, or is known to be gone. */
  #say(
    line: { readonly slot: number; readonly copy: string; readonly term: number; readonly revision: number },
    why: unknown,
  ) {
    const { hosts, log } = this.#services
    const isExpected = hosts.get(line.copy)?.record.isLeaving ?? true
    log[isExpected ? 'info' : 'warn']({ ...line, ...whyOf(why) }, 'took a copy out of those in sync')
  }

  /** Takes a copy in. @throws as `InSync.add` says */
  async add(joining: Joining): Promise<boolean> {
    return await this.#additions.add(joining)
  }

  /** @returns undefined where the record had changed, which is known then */
  async #swap(slot: number, copy: string): Promise<number | undefined> {
    const { coordinator, keys, table } = this.#services
    const { record, revision } = table.at(slot)
    if (!record) return undefined
    const without = withoutInSync(record, copy)
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

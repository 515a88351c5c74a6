import { keep, mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { HostTable } from '../member/host-table.ts'
import type { SlotTable } from '../table/slot-table.ts'
import { makeCertain } from './make-certain.ts'

/*
 * Takes copies into those in sync, many slots in one swap, and one swap after the other:
 *
 *   waiting ──▶ may it enter? ──▶ swap ─┬─ done ─────────────────▶ in
 *      ▲           │ no                 ├─ something has changed ─▶ each half as before; one alone is made certain
 *      │           ▼                    └─ nobody knows ─────────▶ made certain, slot by slot ─┬─▶ in
 *      │        left out                                                                       └─▶ once more
 *      └── what comes while a swap is under way goes together
 *
 * The host of the copy must live, and have been a member all the while: otherwise all of its copies are left out.
 */

export type AdditionServices = {
  /** The name of this host. */
  readonly name: string
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly table: SlotTable
  readonly hosts: Pick<HostTable, 'get'>
  readonly log: Logger
}

/** A copy that is to be in sync. */
export type Joining = {
  readonly slot: number
  /** In which this host is the primary. */
  readonly term: number
  readonly copy: string
  /** The revision of its host's record before anything was brought to it: it must be a member without a break since then. */
  readonly since: number
  /** Asked right before each swap. */
  readonly mayEnter: () => boolean
  /** Ends the wait for certainty, where nobody can be asked. */
  readonly signal: AbortSignal
}

type Waiting = Joining & {
  attempts: number
  readonly settled: (isIn: boolean) => void
  readonly failed: (error: unknown) => void
}

/** One slot's part of a swap. */
type Entering = { readonly waiting: Waiting; readonly record: SlotRecord; readonly revision: number }

const mostAttempts = 10

/** Slots that are named in a line of the log. */
const mostNamed = 8

export class InSyncAdditions {
  readonly #services: AdditionServices
  #waiting: Waiting[] = []
  #isAtWork = false

  constructor(services: AdditionServices) {
    this.#services = services
  }

  /**
   * Resolves when it is certain whether the copy is in, and the table says so.
   *
   * @throws where this host is not the primary in this term any more, or it is not certain at the signal
   */
  async add(joining: Joining): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    this.#waiting.push({ ...joining, attempts: 0, settled: resolve, failed: reject })
    // Those that are ready in the same turn go together.
    if (!this.#isAtWork) setImmediate(() => void this.#work())
    this.#isAtWork = true
    return await promise
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { copy, since } = next
      // One part is for the copy: it must live, and never have been away.
      const all = this.#waiting.filter((one) => one.copy === copy && one.since === since)
      const ofCopy = all.slice(0, mostSwapped - 1)
      const going = new Set(ofCopy)
      this.#waiting = this.#waiting.filter((one) => !going.has(one))
      await this.#addAll(ofCopy).catch((error: unknown) => ofCopy.forEach(({ failed }) => failed(error)))
    }
    this.#isAtWork = false
  }

  /** All are of one copy. */
  async #addAll(additions: readonly Waiting[]): Promise<void> {
    const entering = additions.flatMap((waiting) => this.#enter(waiting) ?? [])
    if (entering.length === 0) return
    const outcome = await this.#swap(entering)
    const together = entering.map(({ waiting }) => waiting)
    if (outcome === 'changed' && (await this.#wasAway(together[0]!)))
      return together.forEach(({ settled }) => settled(false))
    if (outcome === 'changed' && together.length > 1) {
      const middle = Math.ceil(together.length / 2)
      await this.#addAll(together.slice(0, middle))
      await this.#addAll(together.slice(middle))
      return
    }
    if (outcome !== 'done') await Promise.all(entering.map((one) => this.#makeCertain(one)))
    const isIn = ({ slot, copy }: Waiting) => this.#services.table.at(slot).record?.inSync.includes(copy) === true
    const taken = together.filter(isIn)
    this.#say(taken)
    for (const { settled } of taken) settled(true)
    await this.#addAll(together.filter((waiting) => !isIn(waiting)))
  }

  /** @returns undefined for one whose result is certain */
  #enter(waiting: Waiting): Entering | undefined {
    const { slot, term, copy, since, mayEnter, signal, settled, failed } = waiting
    const { name, table, hosts } = this.#services
    const { record, revision } = table.at(slot)
    if (signal.aborted) failed(signal.reason)
    else if (record?.primary !== name || record.term !== term || ++waiting.attempts > mostAttempts)
      failed(new Error(`${name} is not the primary of slot ${slot} in term ${term} any more.`))
    else if (record.inSync.includes(copy)) settled(true)
    else if (!record.copies.includes(copy) || hosts.get(copy)?.revision !== since || !mayEnter()) settled(false)
    else return { waiting, record, revision }
    return undefined
  }

  async #swap(entering: readonly Entering[]): Promise<'done' | 'changed' | 'unknown'> {
    const { coordinator, keys, table } = this.#services
    const withCopies = entering.map(({ waiting: { slot, copy }, record, revision }) => ({
      slot,
      expected: revision,
      record: { ...record, inSync: [...record.inSync, copy] },
    }))
    const parts = withCopies.map(({ slot, expected, record }): Swap => ({
      key: keys.slot(slot),
      expected,
      value: writeSlotRecord(record),
    }))
    try {
      const { copy, since } = entering[0]!.waiting
      const lives: Swap = { key: keys.host(copy), expected: since, value: keep }
      const { isDone, revision } = await coordinator.swap([lives, ...parts])
      if (!isDone) return 'changed'
      for (const { slot, record } of withCopies) table.takeOne(slot, record, revision)
      return 'done'
    } catch {
      return 'unknown'
    }
  }

  /** Asks, since this host may hear of it later. @throws {CoordinatorError} */
  async #wasAway({ copy, since }: Waiting): Promise<boolean> {
    const { coordinator, keys } = this.#services
    const { entries } = await coordinator.read(keys.host(copy))
    return entries.find(({ key }) => key === keys.host(copy))?.revision !== since
  }

  async #makeCertain({ waiting: { slot, signal, failed }, record, revision }: Entering): Promise<void> {
    if (!(await makeCertain(this.#services, slot, { record, revision }, signal))) failed(signal.reason)
  }

  /** What is in by now, of one attempt. */
  #say(taken: readonly Waiting[]): void {
    const [first] = taken
    if (!first) return
    const { slot, copy } = first
    const some = taken.slice(0, mostNamed).map((one) => one.slot)
    const { revision } = this.#services.table.at(slot)
    this.#services.log.info({ copy, slots: taken.length, some, revision }, 'took a copy into those in sync')
  }
}

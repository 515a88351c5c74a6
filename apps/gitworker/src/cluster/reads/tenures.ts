import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotTable } from '../table/slot-table.ts'

/** Since when this host has been the primary of a slot, as far as this process knows. */
export type Begun = {
  readonly term: number
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly at: number
  /** Until when the host that it was taken from may count on a promise of this one; 0: it was handed over, or nobody had it. */
  readonly promisedUntil: number
}

type Seen = { readonly primary: string | undefined; readonly next: string | undefined }

const nobody: Seen = { primary: undefined, next: undefined }

/** Follows which slots this host becomes the primary of, and whom they were taken from. */
export class Tenures implements Disposable {
  readonly #name: string
  readonly #table: SlotTable
  readonly #promisedTo: (host: string) => number
  readonly #begun = new Map<number, Begun>()
  readonly #seen = new Map<number, Seen>()
  /** The revision at which this host has last taken a slot from another one. */
  readonly #deposed = new Map<string, number>()
  readonly #listening: Disposable

  /** @param promisedTo until when a host may count on what this one has promised it so far */
  constructor(name: string, table: SlotTable, promisedTo: (host: string) => number) {
    this.#name = name
    this.#table = table
    this.#promisedTo = promisedTo
    this.#listening = table.listen((slot) => this.#look(slot))
  }

  /** Undefined where this host is not the primary. */
  of(slot: number): Begun | undefined {
    return this.#begun.get(slot)
  }

  /** 0: this host has taken nothing from it. */
  deposedAt(host: string): number {
    return this.#deposed.get(host) ?? 0
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
  }

  #look(slot: number): void {
    const { record } = this.#table.at(slot)
    const before = this.#seen.get(slot) ?? nobody
    this.#seen.set(slot, { primary: record?.primary, next: record?.next })
    if (record?.primary !== this.#name) return void this.#begun.delete(slot)
    const { term } = record
    if (this.#begun.get(slot)?.term === term) return
    const takenFrom = this.#isTaken(before, record) ? before.primary : undefined
    if (takenFrom !== undefined) this.#deposed.set(takenFrom, Math.max(this.deposedAt(takenFrom), term))
    // What it is promised later, when it is back, is about other slots: it has read this one's record by then.
    const promisedUntil = takenFrom === undefined ? 0 : this.#promisedTo(takenFrom)
    this.#begun.set(slot, { term, at: performance.now(), promisedUntil })
  }

  /**
   * Whether it was taken from another host, which may not know that. It may have been about to hand it over to this one when
   * its lease ended. Whoever hands over stays in sync, and whoever is taken over does not.
   */
  #isTaken({ primary, next }: Seen, { inSync }: SlotRecord): boolean {
    if (primary === undefined || primary === this.#name) return false
    return next !== this.#name || !inSync.includes(primary)
  }
}

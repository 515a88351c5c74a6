import { slotCount } from '@sluice/shared/placement/slot'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Lent } from '../copy/discard.ts'
import type { Followers } from '../copy/followers.ts'
import type { Terms } from '../copy/term/terms.ts'
import type { SlotNames } from '../slot-names.ts'
import type { SlotView } from '../slot-view.ts'

export type DroppedSlotsServices = {
  readonly view: SlotView
  readonly terms: Terms
  readonly names: SlotNames
  readonly followers: Pick<Followers, 'drop'>
  /** What other repositories of this host borrow from: a look at all of them. Undefined: that is not known. */
  readonly lent: () => Promise<Lent | undefined>
  /** Whether this host is surely a member of its cluster, so that it hears of changes. */
  readonly isLive: () => boolean
  readonly log: Logger
}

/** Slots that are dropped soon after each other need one walk of the root. Milliseconds. */
const pauseMs = 1000

/** For so long, what others borrow from counts as known. Milliseconds. */
const lentMs = 60_000

/** Until what could not be moved is tried again. */
const againMs = 60_000

/** Repositories in a line of the log. */
const mostNamed = 100

/** A repository, and what the trash calls it. */
type Trashed = { readonly repository: string; readonly trash: string }

/**
 * Moves the repositories of slots that this host has kept, and is to be a copy of no more, to its trash: others have them.
 *
 *   kept ──no copy any more──▶ dropped ──all moved──▶ settled ──a copy again──▶ kept
 */
export class DroppedSlots implements AsyncDisposable {
  readonly #services: DroppedSlotsServices
  readonly #settled = new Set<number>()
  readonly #ending = new AbortController()
  readonly #listening: Disposable
  #timer: NodeJS.Timeout | undefined
  #lent: { readonly at: number; readonly folders: Lent | undefined } | undefined
  #moving: Promise<void> = Promise.resolve()

  constructor(services: DroppedSlotsServices) {
    this.#services = services
    this.#listening = services.view.listen((slot) => {
      if (this.#isDropped(slot)) this.#lookIn(pauseMs)
      else this.#settled.delete(slot)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error('The host stops.'))
    this.#listening[Symbol.dispose]()
    clearTimeout(this.#timer)
    await this.#moving
  }

  #lookIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#moving = this.#moving.then(() => this.#move())
    }, milliseconds).unref()
  }

  /**
   * By a table that may be old: then it was dropped at some time, and is not in sync since. One that says less than this host
   * has known was restored from a backup: this host may have what nobody else has.
   */
  #isDropped(slot: number): boolean {
    const { view, terms } = this.#services
    const record = view.slot(slot)
    if (!record || record.primary === undefined || record.primary === view.name) return false
    const isKnown = terms.of(slot) > 0 && record.term >= terms.of(slot)
    return isKnown && !record.copies.includes(view.name) && record.inSync.length > 0
  }

  async #move(): Promise<void> {
    const { names, isLive, log } = this.#services
    const slots = Array.from({ length: slotCount }, (_, slot) => slot)
    const dropped = slots.filter((slot) => this.#isDropped(slot) && !this.#settled.has(slot))
    if (dropped.length === 0 || this.#ending.signal.aborted) return
    if (!isLive()) return this.#lookIn(pauseMs)
    try {
      const named = await names.read()
      const trashed: Trashed[] = []
      let moved = 0
      let isWhole = true
      for (const slot of dropped) {
        const left = await this.#moveSlot(slot, named.get(slot) ?? [], trashed)
        moved += (named.get(slot)?.length ?? 0) - left
        if (left === 0) this.#settled.add(slot)
        else isWhole = false
      }
      if (moved > 0) log.info({ slots: dropped.length, moved, trashed }, 'moved what other hosts keep now to the trash')
      if (!isWhole) this.#lookIn(againMs)
    } catch (err) {
      log.warn({ err, slots: dropped.length }, 'it cannot be known what this host has of slots that others keep now')
      this.#lookIn(againMs)
    }
  }

  /** @param trashed gets what is moved, up to `mostNamed` @returns how many are left */
  async #moveSlot(slot: number, repositories: readonly string[], trashed: Trashed[]): Promise<number> {
    const { followers, log, isLive } = this.#services
    const { signal } = this.#ending
    const isKept = () => !isLive() || !this.#isDropped(slot)
    let left = repositories.length
    for (const repository of repositories) {
      if (signal.aborted || isKept()) return left
      try {
        const moved = await followers.drop(repository, isKept, { signal, lent: await this.#lentNow() })
        if (moved && trashed.length < mostNamed) trashed.push({ repository, trash: moved.id })
        left--
      } catch (err) {
        if (!signal.aborted)
          log.warn({ err, slot, repository }, 'what other hosts keep could not be moved to the trash')
      }
    }
    return left
  }

  /** One look for many repositories. @throws {Refusal} where others are moved all the time */
  async #lentNow(): Promise<Lent | undefined> {
    const now = performance.now()
    if (!this.#lent || now - this.#lent.at > lentMs) this.#lent = { at: now, folders: await this.#services.lent() }
    return this.#lent.folders
  }
}

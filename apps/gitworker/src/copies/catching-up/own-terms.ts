import { slotCount } from '@sluice/shared/placement/slot'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Terms } from '../copy/term/terms.ts'
import type { SlotView } from '../slot-view.ts'

/** Slots that change together are noted together. */
const pauseMs = 50

/**
 * Remembers the terms in which this host is a primary, as it does those of others that it follows: so it knows which slots
 * it has kept.
 */
export class OwnTerms implements AsyncDisposable {
  readonly #view: SlotView
  readonly #terms: Terms
  readonly #log: Logger
  readonly #listening: Disposable
  #timer: NodeJS.Timeout | undefined
  #noting: Promise<void> = Promise.resolve()

  constructor(view: SlotView, terms: Terms, log: Logger) {
    this.#view = view
    this.#terms = terms
    this.#log = log
    this.#listening = view.listen((slot) => {
      if (this.#isNew(slot)) this.#timer ??= setTimeout(() => this.#note(), pauseMs).unref()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]()
    clearTimeout(this.#timer)
    await this.#noting
  }

  #note(): void {
    this.#timer = undefined
    const slots = Array.from({ length: slotCount }, (_, slot) => slot).filter((slot) => this.#isNew(slot))
    const terms = new Map(slots.map((slot) => [slot, this.#view.slot(slot)!.term]))
    this.#noting = this.#terms.seeAll(terms).catch((err: unknown) => {
      this.#log.error({ err }, 'the terms of this host cannot be remembered')
      // With the next change.
    })
  }

  #isNew(slot: number): boolean {
    const record = this.#view.slot(slot)
    return record?.primary === this.#view.name && record.term > this.#terms.of(slot)
  }
}

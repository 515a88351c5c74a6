import { slotCount } from '@sluice/shared/placement/slot'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Terms } from '../copy/term/terms.ts'
import type { SlotView } from '../slot-view.ts'

/** Slots that change together are told together. Milliseconds. */
const pauseMs = 1000

/** Slots in a line of the log. */
const mostNamed = 20

/**
 * Finds slots of which the disk of this host knows a newer term than the cluster's table: that one was restored from a backup.
 * This host obeys no older term, so pushes to these slots are not acknowledged until they have another primary. Nobody
 * decides this but an operator: which of the hosts has what was pushed since cannot be known from here.
 */
export class OlderTable implements Disposable {
  readonly #view: SlotView
  readonly #terms: Pick<Terms, 'of'>
  readonly #log: Logger
  readonly #listening: Disposable
  #timer: NodeJS.Timeout | undefined
  #told = ''

  constructor(view: SlotView, terms: Pick<Terms, 'of'>, log: Logger) {
    this.#view = view
    this.#terms = terms
    this.#log = log
    this.#listening = view.listen((slot) => {
      if (this.#isOlder(slot) || this.#told !== '') this.#timer ??= setTimeout(() => this.#tell(), pauseMs).unref()
    })
  }

  /** In their order. */
  get slots(): number[] {
    return Array.from({ length: slotCount }, (_, slot) => slot).filter((slot) => this.#isOlder(slot))
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
    clearTimeout(this.#timer)
  }

  #tell(): void {
    this.#timer = undefined
    const { slots } = this
    const told = slots.join()
    if (told === this.#told) return
    this.#told = told
    if (slots.length === 0) return this.#log.info('the table of the cluster is not older than this host any more')
    this.#log.error(
      { count: slots.length, slots: slots.slice(0, mostNamed) },
      'the table of the cluster is older than what this host knows of these slots: it was restored from a backup. ' +
        'Pushes to them are not acknowledged, and reads may show an older state. ' +
        'See "Restore the table" in docs/operate/cluster.md',
    )
  }

  #isOlder(slot: number): boolean {
    const record = this.#view.slot(slot)
    return record !== undefined && record.copies.includes(this.#view.name) && record.term < this.#terms.of(slot)
  }
}

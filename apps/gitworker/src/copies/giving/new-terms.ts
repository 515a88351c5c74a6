import { slotCount } from '@sluice/shared/placement/slot'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import type { Logger } from '@sluice/shared/telemetry/log'
import { mayHaveGivenMark } from '../../repository/given-mark.ts'
import { findRepository } from '../../repository/repository.ts'
import type { SlotNames } from '../slot-names.ts'
import type { SlotView } from '../slot-view.ts'
import type { UndecidedGifts } from './undecided-gifts.ts'

export type NewTermsServices = {
  readonly root: string
  readonly view: SlotView
  readonly names: SlotNames
  readonly undecided: Pick<UndecidedGifts, 'look'>
  readonly log: Logger
}

/** Slots that begin a term together need one walk of the root. Milliseconds. */
const pauseMs = 1000

/** Until a walk that has failed is tried again. */
const againMs = 60_000

/**
 * Finds repositories that another host has given to this one, or to the primary before it, and that are not decided: in each slot
 * whose primary this host becomes.
 */
export class NewTerms implements AsyncDisposable {
  readonly #services: NewTermsServices
  readonly #ending = new AbortController()
  readonly #listening: Disposable
  /** The terms in which this host has looked, by slot. */
  readonly #looked = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(services: NewTermsServices) {
    this.#services = services
    this.#listening = services.view.listen((slot) => {
      if (this.#isNew(slot)) this.#lookIn(pauseMs)
    })
    this.#lookIn(pauseMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    this.#listening[Symbol.dispose]()
    clearTimeout(this.#timer)
    await this.#looking
  }

  #lookIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#looking = this.#looking.then(() => this.#look())
    }, milliseconds).unref()
  }

  #isNew(slot: number): boolean {
    const { view } = this.#services
    const record = view.slot(slot)
    return record?.primary === view.name && record.term !== this.#looked.get(slot)
  }

  async #look(): Promise<void> {
    const { root, view, names, undecided, log } = this.#services
    const slots = Array.from({ length: slotCount }, (_, slot) => slot).filter((slot) => this.#isNew(slot))
    if (slots.length === 0 || this.#ending.signal.aborted) return
    const terms = slots.map((slot) => [slot, view.slot(slot)!.term] as const)
    try {
      const named = await names.read()
      const turn = new LoopTurn()
      for (const repository of slots.flatMap((slot) => named.get(slot) ?? [])) {
        await turn.letOthers()
        if (this.#ending.signal.aborted) return
        const found = findRepository(root, repository)
        if (found && mayHaveGivenMark(found.gitDir)) undecided.look(repository)
      }
      for (const [slot, term] of terms) this.#looked.set(slot, term)
    } catch (err) {
      log.warn({ err, slots: slots.length }, 'it cannot be known which renames to this host are not decided')
      this.#lookIn(againMs)
    }
  }
}

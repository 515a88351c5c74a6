import type { Logger } from '@sluice/shared/telemetry/log'

/** How far a copy is. Counts are those since it last began to catch up. */
type OfCopy = {
  readonly since: number
  /** Slots that wait, or are at work. */
  slotsLeft: number
  slotsDone: number
  slotsFailed: number
  repositories: number
  /** Whether there was a warning. */
  isWarned: boolean
}

const everyMs = 10_000

/** Slots that fail, and are named in the log one by one, since their copy last began to catch up. */
const mostNamed = 8

/** Says in the log how copies come along: at the beginning, every ten seconds, and at the end. */
export class CatchingUpProgress implements Disposable {
  readonly #log: Logger
  readonly #copies = new Map<string, OfCopy>()
  readonly #timer: NodeJS.Timeout
  /** Since the start. */
  #brought = 0

  constructor(log: Logger) {
    this.#log = log
    this.#timer = setInterval(() => this.#tell(), everyMs).unref()
  }

  /** Repositories that were brought since the start, those that were as they should be included. */
  get brought(): number {
    return this.#brought
  }

  /** By copy, while there is something to do for it. */
  get copies(): ReadonlyMap<string, Readonly<Omit<OfCopy, 'since' | 'isWarned'>>> {
    return this.#copies
  }

  begin(copy: string, slots: number): void {
    const known = this.#copies.get(copy)
    if (known) {
      known.slotsLeft += slots
      return
    }
    const since = performance.now()
    this.#copies.set(copy, { since, slotsLeft: slots, slotsDone: 0, slotsFailed: 0, repositories: 0, isWarned: false })
    this.#log.info({ copy, slots }, 'looks whether a copy has what this host has, and brings it the rest')
  }

  repositoryBrought(copy: string): void {
    this.#brought++
    const of = this.#copies.get(copy)
    if (of) of.repositories++
  }

  /** Whether a slot of it that fails now gets a line of its own. The others are counted, and the status page names more. */
  isWorthALine(copy: string): boolean {
    return (this.#copies.get(copy)?.slotsFailed ?? 0) < mostNamed
  }

  /** What fails now is a warning: it is not the first time. */
  warned(copy: string): void {
    const of = this.#copies.get(copy)
    if (of) of.isWarned = true
  }

  /** @param result `left`: it is not this host's to do any more, or gave way */
  slotsOver(copy: string, slots: number, result: 'done' | 'failed' | 'left'): void {
    const of = this.#copies.get(copy)
    if (!of) return
    of.slotsLeft -= slots
    if (result === 'done') of.slotsDone += slots
    else if (result === 'failed') of.slotsFailed += slots
    if (of.slotsLeft > 0) return
    this.#copies.delete(copy)
    this.#log[of.isWarned ? 'warn' : 'info'](lineOf(copy, of), endOf(of))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #tell(): void {
    for (const [copy, of] of this.#copies) this.#log.info(lineOf(copy, of), 'a copy is catching up')
  }
}

function endOf({ slotsFailed, slotsDone }: OfCopy): string {
  if (slotsFailed > 0) return 'some slots of a copy could not be brought: tried again later'
  return slotsDone > 0 ? 'a copy has caught up' : 'nothing is to be brought to a copy any more, or its host has gone'
}

function lineOf(copy: string, { since, slotsLeft, slotsDone, slotsFailed, repositories }: OfCopy) {
  return { copy, slotsLeft, slotsDone, slotsFailed, repositories, ms: Math.round(performance.now() - since) }
}

import type { SharedPack } from './shared-pack.ts'
import { lookEveryMs } from './slow-readers.ts'
import type { SlowReaders } from './slow-readers.ts'

/** Packs whose producers are at work, or that are read. While any producer is at work, their readers are watched. */
export class PacksInUse {
  readonly #slowReaders: SlowReaders
  readonly #mayRunAhead: () => boolean
  readonly #packs = new Set<SharedPack>()
  #timer: NodeJS.Timeout | undefined

  /** @param mayRunAhead whether there is a disk for what is written ahead of slow readers */
  constructor(slowReaders: SlowReaders, mayRunAhead: () => boolean) {
    this.#slowReaders = slowReaders
    this.#mayRunAhead = mayRunAhead
  }

  /** The number of their readers. */
  get readers(): number {
    return this.#countReaders(() => true)
  }

  /** The number of readers whose producer has ended: they hold nothing but what they read. */
  get readersAlone(): number {
    return this.#countReaders(({ isOver }) => isOver)
  }

  /** To be called whenever a pack has changed, in any state. */
  note(pack: SharedPack): void {
    if (!pack.isOver) this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
    if (!pack.isOver || pack.readers > 0) this.#packs.add(pack)
    else this.#packs.delete(pack)
  }

  close(error: Error): void {
    this.#stopLooking()
    for (const pack of this.#packs) pack.close(error)
  }

  #look(): void {
    const atWork = [...this.#packs].filter(({ isOver }) => !isOver)
    this.#slowReaders.look(atWork, this.#mayRunAhead())
    if (atWork.length === 0) this.#stopLooking()
  }

  #stopLooking(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #countReaders(isMeant: (pack: SharedPack) => boolean): number {
    return this.#packs.values().reduce((sum, pack) => sum + (isMeant(pack) ? pack.readers : 0), 0)
  }
}

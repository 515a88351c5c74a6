import type { PackReader } from './stream/pack-reader.ts'
import type { Producer } from './stream/pack-source.ts'

/** Starts a producer. The signal is aborted when nobody waits for it any more. May reject. */
export type Start = (signal: AbortSignal) => Promise<Producer>

type Waiter = {
  readonly start: Start
  readonly resolve: (reader: PackReader) => void
  readonly reject: (error: unknown) => void
}

/**
 * Starts one producer for everybody who waits for it. Whoever asked first may leave: its place in a queue is kept for the
 * others. If the producer cannot be started, only the one whose `start` was called is told so, and that of the next one is
 * tried: one of them may be allowed what another is not.
 */
export class SingleFlight {
  readonly #waiters = new Set<Waiter>()
  readonly #controller = new AbortController()
  readonly #onStarted: (producer: Producer, count: number) => () => PackReader
  readonly #onOver: () => void

  /**
   * @param onStarted gets the producer and the number of waiters, and returns a function that makes a reader for each
   * @param onOver is told that nobody can wait here any more
   */
  constructor(onStarted: (producer: Producer, count: number) => () => PackReader, onOver: () => void) {
    this.#onStarted = onStarted
    this.#onOver = onOver
  }

  /** @param signal ends the wait */
  wait(start: Start, signal: AbortSignal): Promise<PackReader> {
    const { promise, resolve, reject } = Promise.withResolvers<PackReader>()
    const waiter = { start, resolve, reject }
    const onAbort = () => {
      if (this.#waiters.delete(waiter)) reject(signal.reason as Error)
      if (this.#waiters.size === 0) this.#giveUp()
    }
    const isFirst = this.#waiters.size === 0
    this.#waiters.add(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    const forget = () => signal.removeEventListener('abort', onAbort)
    promise.then(forget, forget)
    if (isFirst) void this.#run()
    return promise
  }

  close(error: Error): void {
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
    this.#giveUp()
  }

  async #run(): Promise<void> {
    for (let waiter; (waiter = this.#first());) {
      try {
        this.#handOut(await waiter.start(this.#controller.signal))
      } catch (error) {
        if (this.#waiters.delete(waiter)) waiter.reject(error)
      }
    }
    this.#onOver()
  }

  #first(): Waiter | undefined {
    const [first] = this.#waiters
    return first
  }

  #handOut(producer: Producer): void {
    if (this.#waiters.size === 0) return letGo(producer)
    const join = this.#onStarted(producer, this.#waiters.size)
    for (const { resolve } of this.#waiters) resolve(join())
    this.#waiters.clear()
  }

  #giveUp(): void {
    this.#onOver()
    this.#controller.abort()
  }
}

/** Stops a producer that nobody reads. */
export function letGo(producer: Producer): void {
  // Nobody needs to know how it ends.
  producer.ended.catch(() => {})
  producer.output.on('error', () => {})
  producer.stop()
}

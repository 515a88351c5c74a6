import type { Readable } from 'node:stream'

/** A git that writes a pack, as its owner hands it over. */
export type Producer = {
  /** git's standard output, of which nothing has been read. */
  readonly output: Readable
  /**
   * Which state its repository was in just before it was started: who finds it in the same may have its output, too.
   * Undefined where that was not known.
   */
  readonly state: number | undefined
  /**
   * Resolves when git has ended by itself, with whether its output may be given to others later: not if git has put words
   * of its own in the pack's place. Rejects when it failed or was killed. The output's end is waited for apart.
   */
  readonly ended: Promise<'keep' | 'forget'>
  /** Resolves when nothing more will come of its output though that does not end: something else holds it open. */
  readonly silent?: Promise<void>
  /** Tears it down. Called at most once, and only before it has ended. */
  stop(): void
}

export type PackSourceEvents = {
  readonly onChunk: (chunk: Buffer) => void
  /** The output is whole: it is at its end, and git has ended by itself. */
  readonly onWhole: (use: 'keep' | 'forget') => void
  readonly onFailure: (error: Error) => void
}

/** The reading side of a producer: its output, in chunks, for as long as more is wanted, and how it ended. */
export class PackSource {
  readonly #producer: Producer
  readonly #events: PackSourceEvents
  #isFlowing = false
  #outputHasEnded = false
  #isDetached = false
  #ended: 'not yet' | 'keep' | 'forget' | 'badly' = 'not yet'

  constructor(producer: Producer, events: PackSourceEvents) {
    this.#producer = producer
    this.#events = events
    const { output, ended, silent } = producer
    // Without this, the first listener would make it flow.
    output.pause()
    output.on('data', events.onChunk).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose)
    const onBadEnd = (error: Error) => {
      this.#ended = 'badly'
      this.#onError(error)
    }
    ended.then(this.#onGoodEnd, onBadEnd)
    void silent?.then(this.#onEnd)
    // What is closed already says nothing more; and nobody can be told before this constructor has returned.
    if (output.destroyed) queueMicrotask(this.#onClose)
  }

  /** Whether the producer is held back: nothing of its output is taken. */
  get isPaused(): boolean {
    return !this.#isFlowing
  }

  flow(isWanted: boolean): void {
    if (isWanted === this.#isFlowing) return
    this.#isFlowing = isWanted
    if (isWanted) this.#producer.output.resume()
    else this.#producer.output.pause()
  }

  /** Nothing more is wanted, and nothing more will be said. */
  stop(): void {
    this.#detach()
    // What it says while it is torn down is nobody's concern.
    this.#producer.output.on('error', () => {})
    if (this.#ended === 'not yet') this.#producer.stop()
  }

  readonly #onEnd = (): void => {
    this.#outputHasEnded = true
    this.#settle()
  }

  readonly #onGoodEnd = (use: 'keep' | 'forget'): void => {
    this.#ended = use
    this.#settle()
  }

  readonly #onError = (error: Error): void => this.#events.onFailure(error)

  readonly #onClose = (): void => {
    const { output } = this.#producer
    if (!output.readableEnded) this.#onError(output.errored ?? new Error('The output was closed before its end.'))
  }

  #settle(): void {
    const ended = this.#ended
    if (this.#isDetached || !this.#outputHasEnded || ended === 'not yet' || ended === 'badly') return
    this.#detach()
    this.#events.onWhole(ended)
  }

  #detach(): void {
    this.#isDetached = true
    const { output } = this.#producer
    output.off('data', this.#events.onChunk).off('end', this.#onEnd).off('error', this.#onError)
    output.off('close', this.#onClose)
  }
}

import type { Readable } from 'node:stream'

/** A git that writes a pack. */
export type Producer = {
  /** git's standard output, of which nothing has been read. */
  readonly output: Readable
  /**
   * The state of its repository just before it was started; undefined if that was not known. Requests that find the
   * repository in the same state may share its output.
   */
  readonly state: number | undefined
  /**
   * Resolves when git has ended by itself, with whether its output may be given to later requests: not if it is a message
   * of git's in place of a pack. Rejects if git failed or was killed. The end of the output is waited for separately.
   */
  readonly ended: Promise<'keep' | 'forget'>
  /** Resolves when nothing more will come although the output does not end: another process holds it open. */
  readonly silent?: Promise<void>
  /** Ends it with all of its processes. Called at most once, and only before it has ended. */
  stop(): void
}

export type PackSourceEvents = {
  readonly onChunk: (chunk: Buffer) => void
  /** The output is at its end, and git has ended by itself. */
  readonly onWhole: (use: 'keep' | 'forget') => void
  readonly onFailure: (error: Error) => void
}

/** Reads the output of a producer, for as long as more is wanted, and tells how it ended. */
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
    // Otherwise the first listener would make it flow.
    output.pause()
    output.on('data', events.onChunk).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose)
    const onBadEnd = (error: Error) => {
      this.#ended = 'badly'
      this.#onError(error)
    }
    ended.then(this.#onGoodEnd, onBadEnd)
    void silent?.then(this.#onEnd)
    // A stream that is closed already emits nothing more. Its owner can be told only after this constructor has returned.
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

  /** Ends the producer. No event follows. */
  stop(): void {
    this.#detach()
    // Errors while it is torn down are of no interest.
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

import type { Writable } from 'node:stream'
import type { Producer } from './pack-source.ts'
import type { SharedPack } from './shared-pack.ts'

/** What a reader has in memory, beyond what its sink takes: what it read from the spool and its client not yet. */
const bufferBytes = 128 * 1024

/** The same of one whose client takes that long for as much as it was given: there may be thousands of those. */
const slowBufferBytes = 16 * 1024
const slowMs = 250
const fastMs = 5

/** One of those who read a pack, at the pace of a sink of its own. Disposing of it is leaving. */
export class PackReader implements Disposable {
  readonly #pack: SharedPack
  #sink: Writable | undefined
  #onBytes: (count: number) => void = () => {}
  #position = 0
  #buffer: Buffer | undefined
  #bufferBytes = bufferBytes
  /** Part of the spool is on its way to the sink. */
  #isCopying = false
  /** The sink has had enough of what was passed on to it. */
  #isFull = false
  #hasLeft = false
  #wasLast = false
  #failure: { readonly error: unknown } | undefined
  #wake = () => {}

  constructor(pack: SharedPack) {
    this.#pack = pack
  }

  get producer(): Producer {
    return this.#pack.producer
  }

  /** Whether it has left, and nobody else was reading then. */
  get wasLast(): boolean {
    return this.#wasLast
  }

  /** How many bytes there are to read; undefined while the producer is at work. */
  get totalBytes(): number | undefined {
    return this.#pack.totalBytes
  }

  /** How many bytes the sink has been given. */
  get position(): number {
    return this.#position
  }

  /** Whether its sink is known. */
  get hasBegun(): boolean {
    return this.#sink !== undefined
  }

  /** Whether it has read all that is in the spool, and its sink takes more. */
  get isReady(): boolean {
    return this.#sink !== undefined && !this.#isFull && this.#position >= this.#pack.spooledUntil
  }

  /**
   * Copies everything to the sink at its pace, and tells the size of every chunk before it is written. The sink is not
   * ended: what a failure means for it is the caller's to say. To be called once; at its end the reader has left.
   *
   * Resolves when the producer has ended well and the sink has been given all of it, or when the sink takes no more.
   * Rejects with the producer's error, with what `onBytes` throws, or when the reader leaves before the end.
   */
  async copyTo(sink: Writable, onBytes: (count: number) => void): Promise<void> {
    this.#sink = sink
    this.#onBytes = onBytes
    const onDrain = () => {
      this.#isFull = false
      this.#pack.advance(this)
      this.wake()
    }
    const onClose = () => this.wake()
    sink.on('drain', onDrain).on('close', onClose)
    try {
      while (!this.#isOver(sink)) {
        if (this.#isCopying || this.#isFull || this.#position >= this.#pack.spooledUntil) await this.#news()
        else await this.#copyFromSpool(sink)
      }
    } finally {
      sink.off('drain', onDrain).off('close', onClose)
      this[Symbol.dispose]()
    }
  }

  /** Something has changed that it may be waiting for. */
  wake(): void {
    this.#wake()
  }

  /** Passes on what follows its position, from memory; only while it is ready. */
  take(chunk: Buffer): void {
    try {
      this.#onBytes(chunk.length)
    } catch (error) {
      this.#isFull = true
      return this.end(error)
    }
    this.#position += chunk.length
    if (!this.#sink!.write(chunk)) this.#isFull = true
  }

  /** Ends its copying with an error: it leaves, and the others go on. */
  end(error: unknown): void {
    this.#failure ??= { error }
    this.wake()
  }

  [Symbol.dispose](): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#pack.leave(this)
    this.#wasLast = this.#pack.readers === 0
    this.wake()
  }

  #isOver(sink: Writable): boolean {
    if (this.#failure) throw this.#failure.error
    if (sink.destroyed) return true
    if (this.#hasLeft) throw new Error('The reader left before the end.')
    return this.#pack.isWholeAt(this.#position)
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#pack.advance(this)
    })
  }

  async #copyFromSpool(sink: Writable): Promise<void> {
    this.#isCopying = true
    const buffer = (this.#buffer ??= Buffer.allocUnsafeSlow(this.#bufferBytes))
    const count = await this.#pack.readSpool(buffer, this.#position)
    // Much may have happened meanwhile, and a sink that was closed gives no answer.
    if (this.#isOver(sink)) return
    this.#onBytes(count)
    this.#position += count
    const since = performance.now()
    // The buffer is the sink's until it says that it has written it.
    sink.write(buffer.subarray(0, count), () => {
      this.#isCopying = false
      this.#fitBuffer(performance.now() - since)
      this.wake()
    })
  }

  #fitBuffer(tookMs: number): void {
    const bytes = tookMs > slowMs ? slowBufferBytes : tookMs < fastMs ? bufferBytes : this.#bufferBytes
    if (bytes !== this.#bufferBytes) this.#buffer = undefined
    this.#bufferBytes = bytes
  }
}

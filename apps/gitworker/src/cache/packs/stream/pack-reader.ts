import type { Writable } from 'node:stream'
import { giveBack } from '../../../process/output/output-buffers.ts'
import type { Producer } from './pack-source.ts'

/** How much of the spool a reader has in memory that its client has not yet taken. */
const bufferBytes = 128 * 1024

/** The same for a client that takes more than `slowMs` for that much: there may be thousands of those. */
const slowBufferBytes = 16 * 1024
const slowMs = 250
const fastMs = 5

/** A pack, for those who read it. */
export type ReadablePack = {
  readonly producer: Producer
  /** The number of its readers. */
  readonly readers: number
  /** How many bytes it has; undefined until that is known. */
  readonly totalBytes: number | undefined
  /** The position up to which it is read from disk. What follows is passed on by `take`. */
  readonly spooledUntil: number
  /** Reads from a position before `spooledUntil`. @returns the number of bytes that were read */
  readSpool(buffer: Buffer, position: number): Promise<number>
  /** Whether a reader at this position has everything. @throws the producer's error */
  isWholeAt(position: number): boolean
  /** Tells the pack that the reader has come further, or can take more. */
  advance(reader: PackReader): void
  leave(reader: PackReader): void
}

/** One of those who read a pack, at the pace of its own sink. To dispose of it is to leave. */
export class PackReader implements Disposable {
  readonly #pack: ReadablePack
  #sink: Writable | undefined
  #onBytes: (count: number) => void = () => {}
  #position = 0
  #buffer: Buffer | undefined
  #bufferBytes = bufferBytes
  /** Part of the spool is on its way to the sink. */
  #isCopying = false
  /** The sink has asked for a pause. */
  #isFull = false
  #hasLeft = false
  #wasLast = false
  #failure: { readonly error: unknown } | undefined
  #wake = () => {}

  constructor(pack: ReadablePack) {
    this.#pack = pack
  }

  get producer(): Producer {
    return this.#pack.producer
  }

  /** Whether it has left as the last reader. */
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

  /** Whether it has read everything on disk, and its sink takes more. */
  get isReady(): boolean {
    return this.#sink !== undefined && !this.#isFull && this.#position >= this.#pack.spooledUntil
  }

  /**
   * Copies everything to the sink, at its pace, and calls `onBytes` with the size of each chunk before it is written. The
   * sink is not ended: the caller decides what a failure means for it. Call it once; when it settles, the reader has left.
   *
   * Resolves when the producer has ended well and the sink has been given everything, or when the sink has been destroyed.
   * Rejects with the producer's error, with what `onBytes` throws, or because the reader has left before the end.
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

  /** Makes it look again: something has changed that it may be waiting for. */
  wake(): void {
    this.#wake()
  }

  /**
   * Passes on the chunk that follows its position. Only while it is ready.
   *
   * @param isAlone whether nobody else has the chunk, so that its memory can be used again once it is written
   */
  take(chunk: Buffer, isAlone: boolean): void {
    try {
      this.#onBytes(chunk.length)
    } catch (error) {
      this.#isFull = true
      return this.end(error)
    }
    this.#position += chunk.length
    const onWritten = isAlone ? () => giveBack(chunk) : undefined
    if (!this.#sink!.write(chunk, onWritten)) this.#isFull = true
  }

  /** Makes it leave with an error. The other readers go on. */
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
    // Much may have happened meanwhile, and a closed sink never calls back.
    if (this.#isOver(sink)) return
    this.#onBytes(count)
    this.#position += count
    const since = performance.now()
    // The buffer belongs to the sink until it says that it has written it.
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

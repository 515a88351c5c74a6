import { giveBack } from '../../../process/output/output-buffers.ts'
import type { ChunkQueue } from './chunk-queue.ts'
import { Spool } from '../spool/spool.ts'
import { SpoolBudgetError } from '../spool/spool-folder.ts'
import type { SpoolFolder } from '../spool/spool-folder.ts'

export type SpoolWriterEvents = {
  /** Whether to go on: it is looked at before each write. */
  readonly isWanted: () => boolean
  /** There is more to be read. */
  readonly onWritten: () => void
  /** Nothing more will be written. Not called if that is not wanted any more. */
  readonly onFailure: (error: Error) => void
  readonly onIdle: () => void
}

/**
 * Writes a queue to disk, as fast as the disk takes it, and reads what was written. It is one range of the stream, to which
 * the queue is the continuation. No spool is made before the first write.
 */
export class SpoolWriter {
  readonly #queue: ChunkQueue
  readonly #events: SpoolWriterEvents
  #folder: SpoolFolder
  #maxBytes = Infinity
  /** The position of the spool's first byte in the stream. */
  #start = 0
  #spool: Spool | undefined
  #isWriting = false

  constructor(queue: ChunkQueue, folder: SpoolFolder, events: SpoolWriterEvents) {
    this.#queue = queue
    this.#folder = folder
    this.#events = events
  }

  get hasSpool(): boolean {
    return this.#spool !== undefined
  }

  get bytes(): number {
    return this.#spool?.bytes ?? 0
  }

  /** What is in memory and not yet on disk. */
  get unwrittenBytes(): number {
    return this.#queue.bytes
  }

  /** The position in the stream up to which it can be read; 0 if nothing is on disk. */
  get end(): number {
    return this.#spool ? this.#start + this.#spool.bytes : 0
  }

  /** Where the next spool is made, with so many bytes at most. It begins where the queue does. Only while there is none. */
  moveTo(folder: SpoolFolder, maxBytes: number): void {
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#start = this.#queue.start
  }

  /** Writes what is in the queue, and what comes meanwhile. */
  write(): void {
    if (this.#queue.bytes > 0 && !this.#isWriting) void this.#writeAll()
  }

  /** Reads from a position before the end. @returns the number of bytes that were read */
  read(buffer: Buffer, position: number): Promise<number> {
    return this.#spool!.read(buffer, position - this.#start)
  }

  close(): void {
    this.#spool?.close()
    this.#spool = undefined
  }

  async #writeAll(): Promise<void> {
    const { isWanted, onWritten, onFailure, onIdle } = this.#events
    this.#isWriting = true
    try {
      while (isWanted() && this.#queue.bytes > 0) {
        await this.#append()
        onWritten()
      }
    } catch (error) {
      if (isWanted()) onFailure(error as Error)
    } finally {
      this.#isWriting = false
    }
    onIdle()
  }

  async #append(): Promise<void> {
    if (this.bytes + this.#queue.bytes > this.#maxBytes) {
      throw new SpoolBudgetError(`The ${this.#maxBytes} bytes for one slow reader are used up.`)
    }
    this.#spool ??= new Spool(this.#folder)
    await this.#spool.append(this.#queue.chunks)
    // Readers have none of them: what is passed on to a reader, and kept here, is never given back.
    for (const chunk of this.#queue.dropUntil(this.end)) giveBack(chunk)
  }
}

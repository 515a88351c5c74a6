import { keep } from '../../../process/output/output-buffers.ts'
import type { ChunkQueue } from './chunk-queue.ts'
import type { PackReader } from './pack-reader.ts'

/** Those who read one pack. */
export class ReaderSet {
  readonly #readers = new Set<PackReader>()

  get size(): number {
    return this.#readers.size
  }

  get all(): readonly PackReader[] {
    return [...this.#readers]
  }

  add(reader: PackReader): void {
    this.#readers.add(reader)
  }

  remove(reader: PackReader): void {
    this.#readers.delete(reader)
  }

  areAllReady(): boolean {
    for (const reader of this.#readers) if (!reader.isReady) return false
    return true
  }

  /** Those who have not yet taken what they were given. */
  get notReady(): readonly PackReader[] {
    return this.all.filter((reader) => reader.hasBegun && !reader.isReady)
  }

  /** Those that at least one other waits for, where all go at the same pace. */
  get holdingUp(): readonly PackReader[] {
    const notReady = this.all.filter(({ isReady }) => !isReady)
    return notReady.length < this.size ? notReady : []
  }

  /** How far the last of them has come; infinity if there is none. */
  get leastPosition(): number {
    let least = Infinity
    for (const { position } of this.#readers) least = Math.min(least, position)
    return least
  }

  /**
   * Gives a chunk to every reader that does not have it yet.
   *
   * @param isLast whether nobody else has the chunk: if it goes to one reader alone, that one gives it back
   */
  passOn(chunk: Buffer, position: number, isLast = false): void {
    // Readers that are beyond the spool have taken whole chunks: each one has all of this chunk, or nothing.
    const isAlone = isLast && this.#readers.size === 1
    if (!isAlone) keep(chunk)
    for (const reader of this.#readers) if (reader.position <= position) reader.take(chunk, isAlone)
  }

  /** Gives them what is in the queue, for as long as all of them take more. */
  takeFrom(queue: ChunkQueue): void {
    while (this.areAllReady()) {
      const position = queue.start
      const chunk = queue.shift()
      if (!chunk) return
      this.passOn(chunk, position, true)
    }
  }

  wakeAll(): void {
    for (const reader of this.#readers) reader.wake()
  }
}

import type { PendingEntry } from '../cache/references/reference-cache.ts'
import { keep } from '../process/output/output-buffers.ts'

/** Collects git's answer for the cache while it passes, unless it grows too large. */
export class AnswerCapture {
  readonly #entry: PendingEntry
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(entry: PendingEntry) {
    this.#entry = entry
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#entry.maxBytes) this.#chunks = []
    else {
      keep(chunk)
      this.#chunks.push(chunk)
    }
  }

  /** To be called when git has succeeded and all of its output has passed. */
  store(): void {
    if (this.#bytes > 0 && this.#bytes <= this.#entry.maxBytes) this.#entry.store(Buffer.concat(this.#chunks))
  }
}

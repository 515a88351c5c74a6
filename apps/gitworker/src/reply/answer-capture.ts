import type { PendingEntry } from '../cache/references/reference-cache.ts'

/** Collects git's answer for the cache while it passes, unless it grows too large. */
export class AnswerCapture {
  readonly #answering: PendingEntry
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(answering: PendingEntry) {
    this.#answering = answering
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#answering.maxBytes) this.#chunks = []
    else this.#chunks.push(chunk)
  }

  /** To be called when git has succeeded and all of its output has passed. */
  store(): void {
    if (this.#bytes > 0 && this.#bytes <= this.#answering.maxBytes) this.#answering.store(Buffer.concat(this.#chunks))
  }
}

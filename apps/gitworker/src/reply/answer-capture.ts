import type { PendingEntry } from '../cache/references/reference-cache.ts'

/** git's answer as it goes by, for the cache. Gives up on one that grows too large for it. */
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

  /** To be called when git has ended well, and all of it has gone by. */
  store(): void {
    if (this.#bytes > 0 && this.#bytes <= this.#answering.maxBytes) this.#answering.store(Buffer.concat(this.#chunks))
  }
}

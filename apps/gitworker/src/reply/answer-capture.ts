import type { PendingEntry } from '../cache/references/reference-cache.ts'

/** Collects git's reply as it passes, for the reference cache. Gives up on a reply that is too large for it. */
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
    else this.#chunks.push(chunk)
  }

  /** To be called when git has ended well, and all of the reply has passed. */
  store(): void {
    if (this.#bytes > 0 && this.#bytes <= this.#entry.maxBytes) this.#entry.store(Buffer.concat(this.#chunks))
  }
}

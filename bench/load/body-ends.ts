const kept = 128

/** The size of a body, and its first and last bytes: enough to check a pack without work for each byte. */
export class BodyEnds {
  bytes = 0
  readonly #first = Buffer.alloc(kept)
  readonly #last = Buffer.alloc(kept)

  /** Takes `bytes` from `start` to `end`, and keeps no reference to them. */
  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.bytes < kept) bytes.copy(this.#first, this.bytes, start, end)
    if (length >= kept) {
      bytes.copy(this.#last, 0, end - kept, end)
    } else {
      this.#last.copyWithin(0, length)
      bytes.copy(this.#last, kept - length, start, end)
    }
    this.bytes += length
  }

  get first(): string {
    return this.#first.toString('latin1', 0, Math.min(kept, this.bytes))
  }

  get last(): string {
    return this.#last.toString('latin1', kept - Math.min(kept, this.bytes))
  }

  /** Leaves out what a transport has added after the body. */
  withoutLast(count: number): { readonly bytes: number; readonly first: string; readonly last: string } {
    const bytes = this.bytes - count
    return { bytes, first: this.first.slice(0, bytes), last: this.last.slice(0, -count) }
  }
}

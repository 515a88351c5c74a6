/** The part of a stream that is in memory: everything from `start` on, in the chunks in which it came. */
export class ChunkQueue {
  #start = 0
  #bytes = 0
  #chunks: Buffer[] = []

  /** The position of its first byte in the stream. */
  get start(): number {
    return this.#start
  }

  get bytes(): number {
    return this.#bytes
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** Removes the first chunk. */
  shift(): Buffer | undefined {
    const chunk = this.#chunks.shift()
    this.#moveBy(chunk?.length ?? 0)
    return chunk
  }

  /** Removes everything before a position in the stream. @returns the chunks of which nothing is left */
  dropUntil(position: number): Buffer[] {
    let bytes = Math.min(position - this.#start, this.#bytes)
    if (bytes <= 0) return []
    this.#moveBy(bytes)
    let whole = 0
    for (let first; (first = this.#chunks[whole]) && first.length <= bytes; whole++) bytes -= first.length
    const dropped = this.#chunks.splice(0, whole)
    if (bytes > 0) this.#chunks[0] = this.#chunks[0]!.subarray(bytes)
    return dropped
  }

  clear(): void {
    this.dropUntil(this.#start + this.#bytes)
  }

  #moveBy(bytes: number): void {
    this.#start += bytes
    this.#bytes -= bytes
  }
}

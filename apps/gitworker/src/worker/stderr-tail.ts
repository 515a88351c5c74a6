/** The end of what git says on its standard error. */
const maxBytes = 64 * 1024

export class StderrTail {
  #chunks: Uint8Array[] = []
  #bytes = 0

  /** Reads to the end, keeping the last 64 KiB. */
  async read(stderr: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of stderr) {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      while (this.#bytes - this.#chunks[0]!.length >= maxBytes) this.#bytes -= this.#chunks.shift()!.length
    }
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(-maxBytes).toString()
  }
}

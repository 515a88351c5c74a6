import type { Readable } from 'node:stream'
import { within } from '@sluice/shared/machine/race'

const maxBytes = 64 * 1024

/** What git has written may arrive so long after its exit. It is not waited for longer, since a leftover may hold the pipe open. */
const lastWordsMs = 200

/** Keeps the end of what git writes to standard error. */
export class StderrTail {
  #chunks: Buffer[] = []
  #bytes = 0
  #onWords: (chunk: Buffer) => void = () => {}
  readonly #ended = Promise.withResolvers<void>()

  constructor(stderr: Readable) {
    stderr.on('data', (chunk: Buffer) => this.#add(chunk))
    stderr.on('error', () => {})
    stderr.on('close', () => this.#ended.resolve())
  }

  /** At most the last 64 KiB. To be called when git has exited. */
  async text(): Promise<string> {
    await within(lastWordsMs, this.#ended.promise, undefined)
    return Buffer.concat(this.#chunks).subarray(-maxBytes).toString()
  }

  /** @param onWords gets everything from now on, as it comes. Called once at most */
  watch(onWords: (chunk: Buffer) => void): void {
    this.#onWords = onWords
  }

  #add(chunk: Buffer): void {
    this.#onWords(chunk)
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes - this.#chunks[0]!.length >= maxBytes) this.#bytes -= this.#chunks.shift()!.length
  }
}

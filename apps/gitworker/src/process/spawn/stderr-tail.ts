import type { Readable } from 'node:stream'
import { within } from '@sluice/shared/machine/race'

const maxBytes = 64 * 1024

/** How long git's last words may take to arrive after its exit: something that git left may hold the pipe open. */
const lastWordsMs = 200

/** The end of what git says on its standard error. */
export class StderrTail {
  #chunks: Buffer[] = []
  #bytes = 0
  readonly #ended = Promise.withResolvers<void>()

  constructor(stderr: Readable) {
    stderr.on('data', (chunk: Buffer) => this.#add(chunk))
    stderr.on('error', () => {})
    stderr.on('close', () => this.#ended.resolve())
  }

  /** At most 64 KiB, the last ones. To be asked for when git has exited. */
  async text(): Promise<string> {
    await within(lastWordsMs, this.#ended.promise, undefined)
    return Buffer.concat(this.#chunks).subarray(-maxBytes).toString()
  }

  #add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes - this.#chunks[0]!.length >= maxBytes) this.#bytes -= this.#chunks.shift()!.length
  }
}

import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Writable } from 'node:stream'

/** So much waits for the disk at most, so that it gets few large writes. */
const waitingBytes = 256 * 1024

/** Writes to a file from its beginning, and adds up the SHA-256 of what it writes. Does not close the file. */
export class HashedFile extends Writable {
  readonly #handle: FileHandle
  readonly #hash = createHash('sha256')

  constructor(handle: FileHandle) {
    super({ highWaterMark: waitingBytes, decodeStrings: true })
    this.#handle = handle
  }

  /** In hexadecimal digits. To be called once, when all has been written. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    void this.#take([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    const buffers = chunks.map(({ chunk }) => chunk)
    void this.#take(buffers, done)
  }

  async #take(chunks: readonly Buffer[], done: (error?: Error) => void): Promise<void> {
    const problem = await this.#append(chunks).catch((error: unknown) => error as Error)
    done(problem instanceof Error ? problem : undefined)
  }

  async #append(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) this.#hash.update(chunk)
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    const { bytesWritten } = await this.#handle.writev(chunks)
    if (bytesWritten === bytes) return
    // A disk that is nearly full takes a part; the next write says what is wrong.
    let skip = bytesWritten
    for (const chunk of chunks) {
      const rest = chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - rest.length
      if (rest.length > 0) await this.#handle.writeFile(rest)
    }
  }
}

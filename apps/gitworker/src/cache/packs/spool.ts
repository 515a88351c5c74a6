import { read, writev } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { SpoolFolder } from './spool-folder.ts'

/**
 * A file without a name that one producer appends to and many read. Its descriptor is closed when nothing uses it any
 * more: a number that is closed too early may be another file's before a pending read comes to it.
 */
export class Spool {
  /** Resolves when it has given back its descriptor and its part of the budget. Never rejects. */
  readonly closed: Promise<void>
  readonly #folder: SpoolFolder
  readonly #closed = Promise.withResolvers<void>()
  #file: FileHandle | undefined
  #bytes = 0
  #operations = 0
  #isClosing = false

  /** @throws {SpoolBudgetError} */
  constructor(folder: SpoolFolder) {
    this.#folder = folder
    this.closed = this.#closed.promise
    folder.add(this)
  }

  /** How much is written, and so can be read. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Writes the chunks, or a first part of them, at the end. One call at a time.
   *
   * @returns how many bytes were written
   * @throws {SpoolBudgetError} or errno's error; what was written before remains readable
   */
  async append(chunks: readonly Buffer[]): Promise<number> {
    this.#begin()
    try {
      this.#file ??= await this.#folder.create()
      return await this.#write(this.#file.fd, chunks)
    } finally {
      this.#end()
    }
  }

  async #write(descriptor: number, chunks: readonly Buffer[]): Promise<number> {
    const asked = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.#folder.take(asked)
    let written = 0
    try {
      written = await new Promise<number>((resolve, reject) => {
        writev(descriptor, chunks, this.#bytes, (error, count) => (error ? reject(error) : resolve(count)))
      })
    } finally {
      this.#bytes += written
      this.#folder.giveBack(asked - written)
    }
    return written
  }

  /** Fills as much of the buffer as is written from `position` on. */
  read(buffer: Buffer, position: number): Promise<number> {
    const length = Math.min(buffer.length, this.#bytes - position)
    this.#begin()
    return new Promise((resolve, reject) => {
      // The callback costs a quarter less CPU than FileHandle.read.
      read(this.#file!.fd, buffer, 0, length, position, (error, count) => {
        this.#end()
        if (error) reject(error)
        else if (count === 0) reject(new Error('A spool ended before its end.'))
        else resolve(count)
      })
    })
  }

  /** To be called once; nothing may be begun after it. */
  close(): void {
    this.#isClosing = true
    if (this.#operations === 0) void this.#close()
  }

  #begin(): void {
    this.#operations++
  }

  #end(): void {
    this.#operations--
    if (this.#isClosing && this.#operations === 0) void this.#close()
  }

  async #close(): Promise<void> {
    this.#folder.remove(this)
    // Nothing depends on how it is closed: its data are not wanted.
    await this.#file?.close().catch(() => {})
    this.#closed.resolve()
  }
}

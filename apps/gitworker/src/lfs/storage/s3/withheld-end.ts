import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import type { TransformCallback } from 'node:stream'

/**
 * Passes an object on, and keeps its last piece back until it is known that the whole is what it should be. If it is not, the
 * stream fails, so that whoever reads it never has the whole.
 */
export class WithheldEnd extends Transform {
  readonly #hash = createHash('sha256')
  readonly #oid: string
  readonly #size: number
  #last: Buffer | undefined
  #bytes = 0

  constructor(oid: string, size: number) {
    super()
    this.#oid = oid
    this.#size = size
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    const before = this.#last
    this.#last = chunk
    if (before) done(null, before)
    else done()
  }

  override _flush(done: TransformCallback): void {
    const isRight = this.#bytes === this.#size && this.#hash.digest('hex') === this.#oid
    if (!isRight) done(new WrongObject())
    else if (this.#last) done(null, this.#last)
    else done()
  }
}

/** What came is not the object that it should be. */
export class WrongObject extends Error {}

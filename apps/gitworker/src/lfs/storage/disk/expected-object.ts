import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { IncomingObject } from '../lfs-storage.ts'

/** An object that is there already. What is sent is looked at, and not written. */
export class ExpectedObject implements IncomingObject {
  readonly sink: Writable
  readonly #oid: string
  readonly #hash = createHash('sha256')

  constructor(oid: string) {
    this.#oid = oid
    this.sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#hash.update(chunk)
        done()
      },
    })
  }

  async store(): Promise<boolean> {
    this.sink.end()
    await finished(this.sink)
    if (this.#hash.digest('hex') !== this.#oid) throw new Refusal('lfs_object_differs')
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sink.destroy()
  }
}

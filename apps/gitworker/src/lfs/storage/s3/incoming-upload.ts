import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { IncomingObject } from '../lfs-storage.ts'
import { checksumHeader } from './checksum.ts'
import type { S3Client } from './client/s3-client.ts'
import type { LentHome } from './homes.ts'
import { WithheldEnd, WrongObject } from './withheld-end.ts'

/**
 * An object that comes through this host: the first of a repository that is yet to be created has no place in the bucket
 * before. What is not the object never becomes one, because S3 does not get its end.
 *
 *     sink ──▶ all but the end ──▶ S3
 *       ▲                           │ fails, or answers too soon
 *       └────────destroyed──────────┘
 */
export class IncomingUpload implements IncomingObject {
  /** Not what S3 reads from, which may be closed at any moment. This one fails in words. */
  readonly sink: Writable
  readonly #ending = new AbortController()
  readonly #lent: LentHome
  readonly #stored: Promise<void>

  constructor(client: S3Client, key: string, { oid, size }: LfsPointer, lent: LentHome) {
    this.#lent = lent
    const passing = new WithheldEnd(oid, size)
    passing.on('error', () => {})
    this.sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => void passing.write(chunk, done),
      final: (done) => void passing.end(done),
    })
    this.sink.on('error', () => {})
    const headers = { ...checksumHeader(oid), 'content-length': String(size) }
    this.#stored = client.write(key, headers, passing, this.#ending.signal).catch((cause: unknown) => {
      const refusal = refusalFor(passing.errored ?? cause)
      this.sink.destroy(refusal)
      throw refusal
    })
    this.#stored.catch(() => {})
  }

  async store(): Promise<boolean> {
    this.sink.end()
    // Whichever fails, the promise says why.
    await finished(this.sink).catch(() => {})
    await this.#stored
    this.#lent.keep()
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    this.sink.destroy()
    await this.#stored.catch(() => {})
    this.#lent[Symbol.dispose]()
  }
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof WrongObject) return new Refusal('lfs_object_differs')
  return error instanceof Refusal ? error : new Refusal('lfs_storage_failed', { cause: error })
}

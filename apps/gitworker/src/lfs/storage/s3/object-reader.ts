import { Readable } from 'node:stream'
import type { ByteRange, StoredObject } from '../lfs-storage.ts'
import type { S3Client } from './client/s3-client.ts'

/** An object that is read through this host. Clients do so where a batch has given them no address of S3. */
export function objectIn(client: S3Client, key: string, size: number): StoredObject {
  const ending = new AbortController()
  return {
    size,
    stream: (range?: ByteRange) => Readable.from(bytesOf(client, key, range, ending.signal), { objectMode: false }),
    async [Symbol.asyncDispose]() {
      ending.abort()
    },
  }
}

async function* bytesOf(
  client: S3Client,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const asked = range && `bytes=${range.start}-${range.end}`
  yield* (await client.read(key, asked, signal)) as AsyncIterable<Buffer>
}

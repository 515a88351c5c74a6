import { BodyReader } from './body-reader.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from '../refusal/refusal.ts'

/** Of all JSON that clients send, which is LFS's. A batch of 1000 objects has less than half of it. */
export const maxJsonBytes = 256 * 1024

/**
 * Reads a body of JSON as a whole. One that is too large is refused before it is read, where its length is told, and at this
 * limit where it is not.
 *
 * @throws {Refusal} `lfs_batch_too_large`, `wrong_content_encoding`, or the exchange's end
 */
export async function readJsonBody(exchange: Exchange): Promise<Buffer> {
  const { headers } = exchange.incoming
  if (headers['content-encoding'] !== undefined) {
    throw new Refusal('wrong_content_encoding', { sentence: 'Send the JSON as it is, without Content-Encoding.' })
  }
  if (Number(headers['content-length'] ?? 0) > maxJsonBytes) throw new Refusal('lfs_batch_too_large')
  exchange.invite()
  const reader = new BodyReader(exchange.incoming, (count) => exchange.received(count))
  const { bytes, isWhole } = await reader.read(maxJsonBytes + 1, exchange.signal)
  if (!isWhole) throw new Refusal('lfs_batch_too_large')
  return bytes
}

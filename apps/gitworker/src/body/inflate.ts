import { createGunzip } from 'node:zlib'
import { BodyReader } from '@sluice/shared/exchange/body-reader'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { pump } from '@sluice/shared/exchange/pump'
import { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * Opens the body of a request, inflated. The exchange counts its bytes as they come over the wire. git compresses request
 * bodies above 1 KiB.
 *
 * @throws {Refusal} `wrong_content_encoding`
 */
export function openInflated(exchange: Exchange): BodyReader {
  const { incoming } = exchange
  const onBytes = (count: number) => exchange.received(count)
  const encoding = incoming.headers['content-encoding']?.toLowerCase() ?? 'identity'
  if (encoding === 'identity') return new BodyReader(incoming, onBytes)
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new Refusal('wrong_content_encoding', { headers: { 'Accept-Encoding': 'gzip' } })
  }
  const gunzip = createGunzip()
  gunzip.on('error', () => {}) // The reader gets the error.
  pump(incoming, gunzip, onBytes).then(
    () => gunzip.end(),
    (error: Error) => gunzip.destroy(error),
  )
  return new BodyReader(gunzip, () => {})
}

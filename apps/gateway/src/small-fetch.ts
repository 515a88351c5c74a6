import type { Exchange } from '@sluice/shared/exchange'
import type { GitRequest } from '@sluice/shared/git-request'
import { Refusal } from '@sluice/shared/refusal'

/** Nearly all fetch requests are smaller than that; the others are streamed. */
const maxBytes = 64 * 1024

/**
 * The body of a fetch request that says it is small, read as a whole: a fetch changes nothing, so that with its body at
 * hand it can be sent again when the host's connection breaks. Undefined for every other request.
 *
 * @throws {Refusal} `client_gone`, or the exchange's end
 */
export function readSmallFetch(exchange: Exchange, request: GitRequest): Promise<Buffer> | undefined {
  const { incoming, signal } = exchange
  const length = Number(incoming.headers['content-length'] ?? NaN)
  const isSmallFetch = request.kind === 'rpc' && request.service === 'upload-pack' && length <= maxBytes
  if (!isSmallFetch) return undefined
  exchange.invite()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  const onAbort = () => reject(signal.reason as Refusal)
  signal.addEventListener('abort', onAbort, { once: true })
  incoming.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    exchange.received(chunk.length)
  })
  incoming.once('end', () => resolve(Buffer.concat(chunks)))
  incoming.once('close', () => reject(new Refusal('client_gone')))
  if (signal.aborted) onAbort()
  return promise.finally(() => signal.removeEventListener('abort', onAbort))
}

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { noCache } from '../../http/no-cache.ts'
import type { Transport } from '../transport/transport.ts'
import { untilSent } from './until-sent.ts'
import type { Upload } from '../upload/upload.ts'

/** What a reply is made with. */
export type Replying = {
  readonly outgoing: ServerResponse
  readonly transport: Transport
  readonly upload: Upload
  /** Aborted when the exchange is being ended. */
  readonly signal: AbortSignal
}

/**
 * Sends a short reply that is known as a whole, and reads the rest of its request.
 *
 * @param onSent called with its length as soon as it is written
 */
export async function replyWhole(
  { transport, upload, signal }: Replying,
  status: number,
  text: string | Buffer,
  headers: OutgoingHttpHeaders,
  onSent: (count: number) => void,
): Promise<void> {
  const length = Buffer.byteLength(text)
  // A reply that can have no body has no Content-Length (RFC 9110 section 8.6).
  const size = status === 204 || status === 304 ? {} : { 'Content-Length': length }
  // A client may send its body without having been told to go on. If the exchange is being ended, the body is not
  // waited for.
  const isLast = !upload.mayCome || signal.aborted
  transport.writeWhole(status, { ...noCache, ...headers, ...size }, text, isLast)
  onSent(length)
  if (!isLast) await upload.drain()
  transport.endWhole()
}

/**
 * Ends a reply whose bytes have all been written, waits until they are out, and reads what is left of its request.
 *
 * @param saysItsLength a client can then read the reply while it still sends
 * @throws the signal's reason, where it is aborted before all is out
 */
export async function finishReply(
  { outgoing, transport, upload, signal }: Replying,
  saysItsLength: boolean,
): Promise<void> {
  if (saysItsLength && !transport.mayEndFirst) await upload.drain()
  outgoing.end()
  await untilSent(transport.reply, signal)
  signal.throwIfAborted()
  await upload.drain()
}

import { addAbortListener } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { onClose } from '../../http/connection-close.ts'
import type { Transport } from '../transport/transport.ts'

export type Rest = {
  readonly incoming: IncomingMessage
  readonly carrier: Transport['carrier']
  /** Called with the size of each piece. */
  readonly onBytes: (count: number) => void
}

export type RestLimits = {
  readonly maxBytes: number
  readonly maxMs: number
  /** Whether `maxMs` is for the whole rest, or for each pause in it. */
  readonly timed: 'whole' | 'pauses'
  /** Ends the reading. */
  readonly signal?: AbortSignal
}

/**
 * Reads what is left of a request's body and forgets it. Earlier readers of the body get no more of it.
 *
 * @returns `too much` if one of the limits was reached; else `over`: the body has ended, or nothing more of it can come
 */
export async function forgetRest(
  { incoming, carrier, onBytes }: Rest,
  limits: RestLimits,
): Promise<'over' | 'too much'> {
  if (incoming.readableEnded || incoming.destroyed || carrier.destroyed) return 'over'
  const { maxBytes, maxMs, timed, signal } = limits
  const { promise, resolve } = Promise.withResolvers<'over' | 'too much'>()
  let bytes = 0
  const onData = (chunk: Buffer) => {
    onBytes(chunk.length)
    bytes += chunk.length
    if (timed === 'pauses') timer.refresh()
    if (bytes > maxBytes) resolve('too much')
  }
  const onOver = () => resolve('over')
  // An earlier reader must not hold the rest back.
  incoming.removeAllListeners('data').removeAllListeners('readable')
  const timer = setTimeout(() => resolve('too much'), maxMs)
  using _closed = onClose(carrier, onOver)
  using _aborted = signal && addAbortListener(signal, onOver)
  incoming.on('data', onData).on('end', onOver).on('close', onOver)
  incoming.resume()
  const how = await promise
  clearTimeout(timer)
  incoming.off('data', onData).off('end', onOver).off('close', onOver)
  return how
}

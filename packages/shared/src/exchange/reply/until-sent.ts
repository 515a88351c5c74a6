import { addAbortListener } from 'node:events'
import type { Writable } from 'node:stream'

/**
 * Resolves when all of a reply is out, when it is lost, or when the signal is aborted. stream.finished() is made for any
 * stream, and costs a request more than all else that an exchange does.
 */
export async function untilSent(reply: Writable, signal: AbortSignal): Promise<void> {
  if (reply.writableFinished || reply.destroyed || signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  reply.once('finish', resolve).once('close', resolve)
  using _aborted = addAbortListener(signal, () => resolve())
  await promise
}

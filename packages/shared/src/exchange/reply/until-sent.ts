import type { Writable } from 'node:stream'

/**
 * Resolves when all of a reply is out, when it is lost, or when the signal is aborted. stream.finished() is made for any
 * stream, and costs a request more than all else that an exchange does.
 */
export function untilSent(reply: Writable, signal: AbortSignal): Promise<void> {
  if (reply.writableFinished || reply.destroyed || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const onEnd = () => {
      signal.removeEventListener('abort', onEnd)
      resolve()
    }
    reply.once('finish', onEnd).once('close', onEnd)
    signal.addEventListener('abort', onEnd, { once: true })
  })
}

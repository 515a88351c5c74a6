import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { AwakeDeadline } from '../machine/awake-deadline.ts'
import { http2StreamOf, resetStream } from './http2-stream.ts'

/** A reply of which nothing was taken between two looks is cut. Slow clients compute for minutes before they read on. */
const lookEveryMs = 5 * 60_000

/**
 * Cuts replies that this side has ended and whose clients take nothing more. A client that never reads, or opens no HTTP/2
 * window, would keep a connection or a stream for ever. Time in which this process was stopped does not count: only a write
 * shows what a client has taken meanwhile. Replies that are still being made have deadlines of their own
 * (`Exchange.limitIdleness`).
 */
export function cutUnreadReplies(server: Server, everyMs = lookEveryMs): void {
  /** How many bytes each had left at the last look. */
  const replies = new Map<ServerResponse, number | undefined>()
  const onRequest = (_: IncomingMessage, outgoing: ServerResponse) => {
    replies.set(outgoing, undefined)
    outgoing.once('close', () => replies.delete(outgoing))
  }
  server.on('request', onRequest).on('checkContinue', onRequest)
  const look = () => {
    for (const [outgoing, before] of replies) {
      const left = leftOf(outgoing)
      if (left !== undefined && left === before) cut(outgoing)
      else replies.set(outgoing, left)
    }
    looks.restart()
  }
  const looks = new AwakeDeadline(everyMs, look)
  server.once('close', () => looks[Symbol.dispose]())
}

/** Bytes that the client has still to take; undefined where more may be written, or all is out. */
function leftOf(outgoing: ServerResponse): number | undefined {
  if (!outgoing.writableEnded || outgoing.writableFinished) return undefined
  return (http2StreamOf(outgoing) ?? outgoing.socket ?? outgoing).writableLength
}

function cut(outgoing: ServerResponse): void {
  const stream = http2StreamOf(outgoing)
  if (stream) resetStream(stream)
  else outgoing.destroy()
}

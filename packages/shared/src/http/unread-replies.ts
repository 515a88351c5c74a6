import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { http2StreamOf, resetStream } from './http2-stream.ts'

/** A reply is looked at so often; one of which nothing has been taken in between is cut. Slow machines compute for minutes. */
const lookEveryMs = 5 * 60_000

/**
 * Cuts replies that have been ended by this side, and of which their clients take nothing more: a client that opens no
 * HTTP/2 window, or never reads, would keep a stream or a connection for ever. What is still being made has deadlines of its
 * own (`Exchange.limitIdleness`).
 */
export function cutUnreadReplies(server: Server, everyMs = lookEveryMs): void {
  /** What each has had left at the last look. */
  const replies = new Map<ServerResponse, number | undefined>()
  const onRequest = (_: IncomingMessage, outgoing: ServerResponse) => {
    replies.set(outgoing, undefined)
    outgoing.once('close', () => replies.delete(outgoing))
  }
  server.on('request', onRequest).on('checkContinue', onRequest)
  const timer = setInterval(() => {
    for (const [outgoing, before] of replies) {
      const left = leftOf(outgoing)
      if (left !== undefined && left === before) cut(outgoing)
      else replies.set(outgoing, left)
    }
  }, everyMs)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}

/** Bytes that have been written and not been taken; undefined where there may come more, or all is out. */
function leftOf(outgoing: ServerResponse): number | undefined {
  if (!outgoing.writableEnded || outgoing.writableFinished) return undefined
  return (http2StreamOf(outgoing) ?? outgoing.socket ?? outgoing).writableLength
}

function cut(outgoing: ServerResponse): void {
  const stream = http2StreamOf(outgoing)
  if (stream) resetStream(stream)
  else outgoing.destroy()
}

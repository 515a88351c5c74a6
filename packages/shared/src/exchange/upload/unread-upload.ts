import type { ServerResponse } from 'node:http'
import { interimReplyDueAt } from './interim-replies.ts'
import type { Upload } from './upload.ts'

const lookEveryMs = 250

type Uploading = {
  readonly upload: Upload
  readonly counters: { readonly bytesIn: number }
  readonly outgoing: ServerResponse
}

/**
 * Sends interim replies while nobody reads an upload, until the reply begins. Once more than 64 KiB of a body wait to
 * be read, nothing that the client does is noticed, not even that it leaves. But a write to a client that has left
 * fails, and closes the connection.
 */
export function probeWhileUnread({ upload, counters, outgoing }: Uploading): void {
  let before = counters.bytesIn
  let unreadForMs = 0
  let sent = 0
  const look = () => {
    const isUnread = upload.isUnderWay && counters.bytesIn === before
    before = counters.bytesIn
    if (!isUnread) return
    unreadForMs += lookEveryMs
    const dueAt = interimReplyDueAt(sent)
    if (outgoing.headersSent || dueAt === undefined || unreadForMs < dueAt) return
    sent++
    outgoing.writeProcessing()
  }
  const timer = setInterval(look, lookEveryMs).unref()
  outgoing.on('close', () => clearInterval(timer))
}

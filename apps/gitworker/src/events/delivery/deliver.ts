import { Agent, request } from 'undici'
import type { Receiver } from '@sluice/shared/config/events/events-file'
import { errnoOf } from '@sluice/shared/machine/errno'
import { version } from '@sluice/shared/version'
import { guardedConnector } from './guarded-connect.ts'
import type { Payload } from './payload.ts'
import { readSecret, signatureOf } from './secret.ts'

/** What became of one request to a receiver. */
export type Attempt = {
  readonly isTaken: boolean
  /** In words, where it was not taken. */
  readonly why?: string
  readonly status?: number
  readonly ms: number
}

/** So much of a reply is read, so that its connection can be used again, or so that its words can be shown. */
const maxReplyBytes = 4096
const maxWordsLength = 200

/** The connections to one receiver. */
export function connectionsTo({ networks, timeout }: Receiver, most: number): Agent {
  return new Agent({
    connect: guardedConnector(networks, timeout),
    connections: most,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: -1,
    maxHeaderSize: 16 * 1024,
  })
}

/**
 * Sends one event. It is taken if the receiver says so with a status of 200 to 299. Redirects are not followed. Whatever
 * the receiver does, this ends within its timeout.
 *
 * @param id of the delivery, the same for each attempt
 * @param signal ends it. Then it throws the signal's reason
 */
export async function deliver(
  receiver: Receiver,
  agent: Agent,
  id: string,
  { name, body: contents }: Payload,
  signal: AbortSignal,
): Promise<Attempt> {
  const since = performance.now()
  const ms = () => Math.round(performance.now() - since)
  const late = AbortSignal.timeout(receiver.timeout)
  try {
    const body = Buffer.from(JSON.stringify(contents))
    const signature =
      receiver.secretFile === undefined ? undefined : signatureOf(body, await readSecret(receiver.secretFile))
    const { statusCode: status, body: reply } = await request(receiver.address.url, {
      method: 'POST',
      dispatcher: agent,
      signal: AbortSignal.any([signal, late]),
      headers: {
        'content-type': 'application/json',
        'user-agent': `Sluice-Hookshot/${version}`,
        'x-github-event': name,
        'x-github-delivery': id,
        ...(signature !== undefined && { 'x-hub-signature-256': signature }),
      },
      body,
    })
    const isTaken = status >= 200 && status < 300
    const words = await beginningOf(reply, !isTaken)
    if (isTaken) return { isTaken, status, ms: ms() }
    const isRedirect = status >= 300 && status < 400
    const why = `it answered ${status}${isRedirect ? ', a redirect, which is not followed' : ''}${words && `: ${words}`}`
    return { isTaken, status, why, ms: ms() }
  } catch (error) {
    signal.throwIfAborted()
    const why = late.aborted ? `it has not answered within ${receiver.timeout} ms` : wordsOf(error)
    return { isTaken: false, why, ms: ms() }
  }
}

type ReplyBody = Awaited<ReturnType<typeof request>>['body']

/** Reads a bounded part. What is longer, or comes too slowly, is cut off with its connection. Never rejects. */
async function beginningOf(reply: ReplyBody, isShown: boolean): Promise<string> {
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (text.length < maxWordsLength) text += chunk.toString('latin1', 0, maxWordsLength)
      if (bytes > maxReplyBytes) break
    }
  } catch {
    // Its status is known.
  }
  return isShown
    ? text
        .slice(0, maxWordsLength)
        .replace(/[^\x20-\x7e]+/g, ' ')
        .trim()
    : ''
}

/** The address is not in it: it may have a token. */
function wordsOf(error: unknown): string {
  const code = errnoOf(error)
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined
  const said = (inner ?? (error as Error).message).slice(0, 300)
  return code && !said.includes(code) ? `${said} (${code})` : said
}

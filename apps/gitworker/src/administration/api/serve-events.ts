import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { EventsDesk } from '../../events/events-desk.ts'
import { readBody } from './read-body.ts'
import type { Reply } from './reply.ts'
import type { Route } from './route.ts'
import { whoIs } from './who-is.ts'

/*
 *   GET  /-/events                   the last events; with ?failed=yes, those that receivers have not taken
 *   POST /-/events/ID/resend         sends one once more
 *   POST /-/receivers/NAME/test      sends a ping
 */

type EventsRoute = Extract<Route, { kind: 'events' | 'resend' | 'ping' }>

const resending = z.strictObject({ receiver: z.string().max(100).optional() })

/** @throws {Refusal} `no_events`, `event_missing`, `receiver_missing`, `bad_operation` */
export async function serveEvents(
  route: EventsRoute,
  incoming: IncomingMessage,
  reply: Reply,
  desk: EventsDesk | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!desk) throw new Refusal('no_events')
  const who = whoIs(incoming)
  if (route.kind === 'ping') return reply.end(200, await desk.test(route.receiver, signal, who))
  if (route.kind === 'resend') {
    const { receiver } = wanted(await readBody(incoming))
    return reply.end(200, { sent: await desk.resend(route.event, receiver, signal, who) })
  }
  if (route.failed) return reply.end(200, { failed: desk.failed })
  for (const event of await desk.list(route.most)) await reply.line({ event })
  reply.end(200, { receivers: desk.receivers })
}

function wanted(body: unknown): z.infer<typeof resending> {
  const parsed = resending.safeParse(body)
  if (parsed.success) return parsed.data
  throw new Refusal('bad_operation', { sentence: 'The body may have the name of a receiver, and nothing else.' })
}

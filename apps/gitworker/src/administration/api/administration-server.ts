import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from '@sluice/shared/app/listen'
import { forHttp1 } from '@sluice/shared/http/http-server'
import { within } from '@sluice/shared/machine/race'
import type { Address } from '@sluice/shared/network/address'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Administration } from '../administration.ts'
import type { Inspection } from '../inspection.ts'
import type { EventsDesk } from '../../events/events-desk.ts'
import type { ForceDesk } from '../force/force-desk.ts'
import { readBody } from './read-body.ts'
import { serveEvents } from './serve-events.ts'
import { serveForce } from './serve-force.ts'
import { whoIs } from './who-is.ts'
import { Reply } from './reply.ts'
import { routeOf } from './route.ts'
import type { Route } from './route.ts'

export type AdministrationServerParts = {
  readonly administration: Pick<Administration, 'run'>
  readonly inspection: Inspection
  /** Undefined where nobody is told of events, or the host is stopped. */
  readonly desk: EventsDesk | undefined
  /** Undefined where there are no copies on other hosts, or the host is stopped. */
  readonly forceDesk: ForceDesk | undefined
}

const maxConnections = 64
const requestTimeoutMs = 30_000
const lastWordsMs = 1000

/**
 * Serves the administration of repositories on a unix socket that only this process's user, and root, may connect to. There
 * is no TCP: any user of the machine, and any page in a browser on it, could connect there.
 *
 * Disposing of it ends what may be ended, and waits for the rest.
 *
 * @param setting the variable that the address is from, for messages
 * @throws {ConfigError} if it cannot listen
 */
export async function openAdministrationServer(
  address: Address & { readonly kind: 'unix' },
  setting: string,
  parts: AdministrationServerParts,
): Promise<AsyncDisposable> {
  const ending = new AbortController()
  const running = new Set<Promise<void>>()
  const server = createServer(
    { requestTimeout: requestTimeoutMs },
    forHttp1((incoming, outgoing) => {
      const answered = answer(incoming, outgoing, parts, ending.signal)
      running.add(answered)
      void answered.then(() => running.delete(answered))
    }),
  )
  server.maxConnections = maxConnections
  await listen(server, address, setting, { isPrivate: true })
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      ending.abort(new Refusal('draining'))
      // A client that does not read must not hold up the rest. An operation goes on to its end without its client.
      await within(lastWordsMs, Promise.all(running), undefined)
      server.closeAllConnections()
      await Promise.all(running)
      await closed
    },
  }
}

/** Never rejects. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  parts: AdministrationServerParts,
  ending: AbortSignal,
): Promise<void> {
  const reply = new Reply(outgoing)
  const gone = new AbortController()
  outgoing.on('close', () => gone.abort(new Refusal('client_gone')))
  try {
    const route = routeOf(incoming.method, incoming.url ?? '')
    await serve(route, incoming, reply, parts, AbortSignal.any([gone.signal, ending]))
  } catch (error) {
    reply.fail(error)
  }
}

async function serve(
  route: Route,
  incoming: IncomingMessage,
  reply: Reply,
  { administration, inspection, desk, forceDesk }: AdministrationServerParts,
  signal: AbortSignal,
): Promise<void> {
  switch (route.kind) {
    case 'list':
      return await sendList(inspection, route.pattern, reply, signal)
    case 'show':
      return reply.end(200, await inspection.show(route.repository))
    case 'size':
      return reply.end(200, await inspection.size(route.repository))
    case 'trash':
      return reply.end(200, await inspection.trashed())
    case 'cluster':
      return reply.end(200, await inspection.cluster())
    case 'mirrors':
      return reply.end(200, { mirrors: inspection.mirrors() })
    case 'events':
    case 'resend':
    case 'ping':
      return await serveEvents(route, incoming, reply, desk, signal)
    case 'force':
      return await serveForce(incoming, reply, forceDesk)
    case 'operation': {
      const operation = route.read(await readBody(incoming))
      const tell = (line: string) => reply.progress(line)
      const result = await administration.run(operation, { signal, tell }, whoIs(incoming))
      return reply.end(route.status, result)
    }
  }
}

async function sendList(
  inspection: Inspection,
  pattern: string | undefined,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  let count = 0
  for await (const repository of inspection.list(pattern)) {
    if (signal.aborted) throw signal.reason
    await reply.line({ repository })
    count++
  }
  reply.end(200, { repositories: count })
}

import { createServer } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Registry } from 'prom-client'
import type { Address } from '../network/address.ts'
import { isReady, probedPath } from './health.ts'
import { forHttp1 } from '../http/http-server.ts'
import type { Readiness } from './health.ts'
import { readHostName } from '../network/host-name.ts'
import { isLoopback } from '../network/loopback.ts'
import { listen } from '../app/listen.ts'
import { isFromOtherSite } from '../http/other-sites.ts'

/** A reply to an operator. */
export type Page = {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string | Buffer
}

/** By path. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>

/** Replies that go on for as long as the client listens, by path. Each must not reject. */
export type Streams = Readonly<Record<string, (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>>>

const maxConnections = 64
const requestTimeoutMs = 30_000

/**
 * Serves pages for operators on an address of their own. The address must not be public: the pages show the names of
 * repositories and clients.
 *
 * @param setting the variable that the address is from, for messages
 * @throws {ConfigError} if it cannot listen
 */
export async function openOperations(
  address: Address,
  setting: string,
  pages: Pages,
  streams: Streams = {},
): Promise<AsyncDisposable & { readonly address: Address }> {
  const listener: RequestListener = (incoming, outgoing) => {
    const path = probedPath(incoming.url)
    const isRead = incoming.method === 'GET' || incoming.method === 'HEAD'
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    const refused = !isAskedHere(incoming) ? misdirected : isUsedElsewhere(incoming) ? notForOthers : undefined
    const stream = Object.hasOwn(streams, path) ? streams[path] : undefined
    const other = !page && !stream ? listOf({ ...pages, ...streams }) : !page || !isRead ? readOnly : page
    if (stream && isRead && !refused) void stream(incoming, outgoing)
    else void answer(outgoing, refused ?? other)
  }
  const server = createServer({ requestTimeout: requestTimeoutMs }, forHttp1(listener))
  server.maxConnections = maxConnections
  const listening = await listen(server, address, setting)
  return {
    address: listening,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** The pages that both applications have. */
export function commonPages(registry: Registry, readiness: () => Promise<Readiness>): Pages {
  return {
    // The text format of Prometheus.
    '/metrics': async () => ({
      status: 200,
      headers: { 'Content-Type': registry.contentType },
      body: await registry.metrics(),
    }),
    '/healthz': () => jsonPage(200, { status: 'ok' }),
    '/readyz': async () => {
      const ready = await readiness()
      return jsonPage(isReady(ready) ? 200 : 503, ready)
    },
  }
}

export function jsonPage(status: number, body: unknown): Page {
  return { status, headers: { 'Content-Type': 'application/json', ...alwaysFresh }, body: `${JSON.stringify(body)}\n` }
}

const alwaysFresh = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

const textHeaders = { 'Content-Type': 'text/plain; charset=utf-8' }

/**
 * Another web site could point its own name at the loopback address, and its page could then read these pages (DNS
 * rebinding). An IP address, or `localhost`, cannot be another site's name.
 */
function isAskedHere({ socket, headers }: IncomingMessage): boolean {
  const { localAddress } = socket
  const isLocal = localAddress !== undefined && isLoopback(localAddress)
  if (!isLocal || headers.host === undefined) return true
  const host = readHostName(headers.host)
  return host !== undefined && (isIP(host.name) !== 0 || isLoopback(host.name))
}

/** A link on another site may lead here. Whatever else a page of another site asks for is refused. */
function isUsedElsewhere(incoming: IncomingMessage): boolean {
  return isFromOtherSite(incoming) && incoming.headers['sec-fetch-mode'] !== 'navigate'
}

function misdirected(): Page {
  return { status: 421, headers: textHeaders, body: 'Ask for this page by address, or as localhost.\n' }
}

function notForOthers(): Page {
  return { status: 403, headers: textHeaders, body: 'These pages are not for other web sites.\n' }
}

function readOnly(): Page {
  return { status: 405, headers: { ...textHeaders, Allow: 'GET, HEAD' }, body: 'These pages are for reading only.\n' }
}

function listOf(pages: Readonly<Record<string, unknown>>): () => Page {
  const list = Object.keys(pages).join('\n')
  return () => ({ status: 404, headers: textHeaders, body: `There is no page here. There are:\n${list}\n` })
}

async function answer(outgoing: ServerResponse, page: () => Page | Promise<Page>): Promise<void> {
  outgoing.on('error', () => {})
  try {
    const { status, headers, body } = await page()
    outgoing.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
  } catch (error) {
    outgoing.writeHead(500, textHeaders).end(`${String(error)}\n`)
  }
}

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kind } from './upstreams.ts'

export const user = 'me'
export const password = 'p&ss w:rd/é'
const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

export type MisbehavingServer = Disposable & {
  /** http://127.0.0.1:port */
  readonly url: string
  /** From now on only those that never behave do not. Ends the requests that hang. */
  calmDown(): void
}

/**
 * Stands before the upstreams, and does to requests what their kind says: to a third of them, at random.
 *
 * @param behind where the upstreams are: http://127.0.0.1:port
 */
export async function startMisbehaving(
  behind: string,
  kindOf: (name: string) => Kind | undefined,
): Promise<MisbehavingServer> {
  let isCalm = false
  const server = createServer((incoming, outgoing) => {
    const kind = kindOf(/^\/(.+?)\.git\//.exec(incoming.url ?? '')?.[1] ?? '')
    if (kind === undefined) return void outgoing.writeHead(404).end()
    if (kind === 'wants a password' && incoming.headers.authorization !== authorization) return askForPassword(outgoing)
    const isIll = kind.startsWith('never') || (!isCalm && Math.random() < 1 / 3)
    if (!isIll || !misbehave(kind, outgoing)) forward(behind, incoming, outgoing, isIll && kind === 'is cut')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calmDown() {
      isCalm = true
      server.closeAllConnections()
    },
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** @returns whether the request has its answer, or never gets one */
function misbehave(kind: Kind, outgoing: ServerResponse): boolean {
  if (kind === 'hangs' || kind === 'never answers') return true
  const answer = badAnswers[kind]
  answer?.(outgoing)
  return answer !== undefined
}

const badAnswers: Readonly<Partial<Record<Kind, (outgoing: ServerResponse) => void>>> = {
  'fails': (outgoing) => outgoing.writeHead(500).end('no'),
  'redirects': (outgoing) => outgoing.writeHead(302, { Location: '/elsewhere' }).end(),
  'vanishes': (outgoing) => outgoing.destroy(),
  'never lets in': askForPassword,
  'never is there': (outgoing) => outgoing.writeHead(404).end(),
}

function askForPassword(outgoing: ServerResponse): void {
  outgoing.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end()
}

/** @param isCut whether the reply ends somewhere in its first 300,000 bytes */
function forward(behind: string, incoming: IncomingMessage, outgoing: ServerResponse, isCut: boolean): void {
  const headers = { ...incoming.headers, host: new URL(behind).host }
  delete headers.authorization
  const sent = request(`${behind}${incoming.url}`, { method: incoming.method, headers }, (reply) => {
    outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
    if (isCut) cutSomewhere(reply, outgoing)
    else reply.pipe(outgoing)
  })
  sent.on('error', () => outgoing.destroy())
  outgoing.on('close', () => sent.destroy())
  incoming.pipe(sent)
}

function cutSomewhere(reply: IncomingMessage, outgoing: ServerResponse): void {
  let left = Math.floor(Math.random() * 300_000)
  reply.on('data', (chunk: Buffer) => {
    outgoing.write(chunk.subarray(0, Math.max(0, left)))
    left -= chunk.length
    if (left < 0) outgoing.destroy()
  })
  reply.on('end', () => outgoing.end())
}

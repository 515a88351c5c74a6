import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline'
import { CommandError } from '../../output/failure.ts'

/** A request to the administration of a host: docs/reference/administration.md. */
export type AdministrationRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below `/-/`, with percent-encoded names. */
  readonly path: string
  readonly body?: object
}

/** Gets the lines of a long reply as they come. */
export type OnLine = (line: Readonly<Record<string, unknown>>) => void

/** A host's own sentence. */
export class HostRefusal extends CommandError {
  override readonly name = 'HostRefusal'
  /** See docs/reference/refusals.md. */
  readonly reason: string

  constructor(sentence: string, reason: string) {
    super(sentence)
    this.reason = reason
  }
}

/** A host whose repositories can be administered, over the socket of its administration. */
export type AdministrationClient = {
  /**
   * @returns the result
   * @throws {HostRefusal} where it refuses; {CommandError}
   */
  ask<T>(wanted: AdministrationRequest, onLine?: OnLine): Promise<T>
}

export function administrationClient(socketPath: string): AdministrationClient {
  return {
    ask: async <T>(wanted: AdministrationRequest, onLine: OnLine = () => {}) => {
      const incoming = await send(socketPath, wanted)
      const isLines = incoming.headers['content-type'] === 'application/x-ndjson'
      return (isLines ? await lastOf(incoming, onLine) : checked(await whole(incoming))) as T
    },
  }
}

/** The name of a repository, as one part of a path. */
export function pathOf(repository: string): string {
  return `repositories/${encodeURIComponent(repository)}`
}

async function send(socketPath: string, { method, path, body }: AdministrationRequest): Promise<IncomingMessage> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const outgoing = request({
    socketPath,
    method,
    path: `/-/${path}`,
    headers: {
      'Host': 'localhost',
      'X-Sluice-Operator': encodeURIComponent(operator()),
      ...(text !== '' && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
    },
  })
  outgoing.end(text)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  return incoming
}

/** Who runs the command, as far as it can be said. */
function operator(): string {
  const behind = process.env['SUDO_USER']
  return behind ? `${userInfo().username}, for ${behind}` : userInfo().username
}

async function whole(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Only the last line of a whole reply has a result or an error. */
async function lastOf(incoming: IncomingMessage, onLine: OnLine): Promise<unknown> {
  for await (const text of createInterface({ input: incoming, crlfDelay: Infinity })) {
    const line = JSON.parse(text) as Record<string, unknown>
    if ('result' in line || 'error' in line) return checked('result' in line ? line['result'] : line)
    onLine(line)
  }
  throw new CommandError('The host has ended before its answer was whole.')
}

function checked(answer: unknown): unknown {
  const { error } = answer as { error?: { reason: string; sentence: string } }
  if (error) throw new HostRefusal(error.sentence, error.reason)
  return answer
}

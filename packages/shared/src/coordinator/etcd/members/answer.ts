import { failureOf, MemberFailure } from './member-failure.ts'
import { isObject } from './wire.ts'
import type { JsonObject } from './wire.ts'

/** Characters of what is no answer of etcd, for messages. */
const mostShown = 80

/**
 * What a member has answered. Streams have one object a line (`{"result":…}` or `{"error":…}`); the first one counts.
 * Errors of 3.4 and 3.5 have `error` and `code`, those of 3.6 `message` and `code`; those in streams are one object deeper.
 *
 * @throws {MemberFailure} for an error, and for whatever etcd does not say
 */
export function readAnswer(status: number, text: string): JsonObject {
  const answer = parse(text)
  if (!answer) throw notEtcd(status, text)
  throwIfError(answer)
  const result = isObject(answer['result']) ? answer['result'] : answer
  if (status !== 200 || !isObject(result['header'])) throw notEtcd(status, text)
  return result
}

/** @throws {MemberFailure} where this is an error */
export function throwIfError(answer: JsonObject): void {
  const error = isObject(answer['error']) ? answer['error'] : answer
  const code = error['grpc_code'] ?? error['code']
  const message = error['message'] ?? error['error']
  if (typeof code === 'number' && typeof message === 'string') throw failureOf(code, shorten(message, 300))
}

function parse(text: string): JsonObject | undefined {
  for (const candidate of [text, text.slice(0, text.indexOf('\n'))]) {
    try {
      const value: unknown = JSON.parse(candidate)
      return isObject(value) ? value : undefined
    } catch {
      continue
    }
  }
  return undefined
}

/** A proxy that answers with 5xx may have handed the request on, and may find the member again. */
function notEtcd(status: number, text: string): MemberFailure {
  const isGatewayMissing = status === 404 && text.length < 100
  const message = isGatewayMissing
    ? 'there is no JSON gateway of etcd (3.4 or newer, with --enable-grpc-gateway): it answers 404'
    : `this is not an answer of etcd: ${status} ${shorten(text, mostShown) || 'with nothing'}`
  return new MemberFailure(status >= 500 ? 'away' : 'stranger', message, status < 300 || status >= 500)
}

export function shorten(text: string, most: number): string {
  const line = text
    .slice(0, 4 * most)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}

import { setImmediate } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import type { Change } from '../../coordinator.ts'
import { readAnswer } from '../members/answer.ts'
import { headersOf, reasonOf } from '../members/ask-member.ts'
import type { MemberClient } from '../members/member-client.ts'
import { MemberFailure, words } from '../members/member-failure.ts'
import { entryOf } from '../calls/read-keys.ts'
import { WatchPieces } from './watch-pieces.ts'
import type { Piece } from './watch-pieces.ts'
import { isObject, rangeOf } from '../members/wire.ts'
import type { JsonObject } from '../members/wire.ts'

/** A member says at once that a watch has begun. */
const openMs = 3000

/** Changes are handed on in parts of about this size, so that what is done with them blocks nobody either. */
const partSize = 500

/** The changes that were asked for are not kept any more. */
export class Gap extends Error {}

/**
 * The changes below a prefix after a revision, as one member tells them. Those of one revision come together. It ends only
 * by an error.
 *
 * @param after the last revision that is known
 * @throws {Gap} where some changes after that revision are gone
 * @throws {MemberFailure} or the reason of the signal
 */
export async function* watchChanges(
  client: MemberClient,
  endpoint: string,
  prefix: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Change[], void> {
  const token = await client.token(endpoint, openMs, signal)
  let part: Change[] = []
  for await (const pieces of piecesOf(client.dispatcher, endpoint, watchRequest(prefix, after), token, signal)) {
    for (const { kind, text } of pieces) {
      if (kind === 'event') {
        const change = changeOf(text, prefix)
        if (part.length >= partSize && change.revision > part.at(-1)!.revision) {
          yield part
          part = []
        }
        part.push(change)
      } else {
        const result = await readMessage(text, client, token)
        // A message that is too large for gRPC comes in fragments, which may part what belongs together.
        if (result['fragment'] !== true && part.length > 0) {
          yield part
          part = []
        }
      }
    }
  }
  throw new MemberFailure('away', 'it has ended a watch')
}

function watchRequest(prefix: string, after: number): object {
  return { create_request: { ...rangeOf(prefix), start_revision: String(after + 1), fragment: true } }
}

/** The pieces of each chunk (64 KiB at most, some hundred events): the event loop is let go between two chunks. */
async function* piecesOf(
  dispatcher: Dispatcher,
  endpoint: string,
  request: object,
  token: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Piece[], void> {
  const pieces = new WatchPieces()
  using opening = deadlineWith(signal, openMs)
  try {
    const options = { method: 'POST', headers: headersOf(token), body: JSON.stringify(request), signal: opening.signal }
    const { statusCode, body } = await dispatcher.request({ origin: endpoint, path: '/v3/watch', ...options } as const)
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (statusCode !== 200) readAnswer(statusCode, chunk.toString())
      const read = pieces.read(chunk)
      if (read.length > 0) opening.met()
      yield read
      await setImmediate()
    }
  } catch (error) {
    if (error instanceof MemberFailure) throw error
    const reason = opening.signal.aborted ? opening.signal.reason : error
    throw new MemberFailure('away', reasonOf(reason), false, { cause: error })
  }
}

/** A signal that is aborted with another one, and after a while, unless what it waits for has come. */
function deadlineWith(signal: AbortSignal, milliseconds: number) {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error(`no watch within ${milliseconds} ms`)), milliseconds)
  return {
    signal: AbortSignal.any([signal, late.signal]),
    met: () => clearTimeout(timer),
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

/** @throws {MemberFailure} for what is no event below the prefix */
function changeOf(text: string, prefix: string): Change {
  const event = parse(text)
  const { key, value, revision } = entryOf(event['kv'], prefix)
  return { key, value: event['type'] === 'DELETE' ? undefined : value, revision }
}

/** @throws {Gap} @throws {MemberFailure} where the watch is over */
async function readMessage(text: string, client: MemberClient, token: string | undefined): Promise<JsonObject> {
  try {
    const result = readAnswer(200, text)
    client.headerOf(result)
    if (result['canceled'] === true) throw endOf(result)
    return result
  } catch (error) {
    if (error instanceof MemberFailure && error.kind === 'login') await client.tokenRefused(token)
    throw error
  }
}

/** What a watch says when it ends by itself. 3.4 says of a token that it does not know: permission denied. */
function endOf({ compact_revision: compacted, cancel_reason: reason }: JsonObject): Error {
  if (compacted !== undefined || reason === words.compacted)
    return new Gap(`changes up to ${String(compacted)} are gone`)
  const message = typeof reason === 'string' ? reason : 'it has cancelled a watch'
  return new MemberFailure(/permission denied|auth/.test(message) ? 'login' : 'away', message)
}

/** @throws {MemberFailure} */
function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below.
  }
  throw new MemberFailure('away', 'a watch brings something other than JSON')
}

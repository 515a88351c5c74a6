import { addAbortListener, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { within } from '@sluice/shared/machine/race'
import type { Address } from '@sluice/shared/network/address'
import { reasons } from '@sluice/shared/refusal/reasons'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { HostLinks } from '../link/host-links.ts'
import { givenPath, goneLine, maxGivenLineBytes, readGivenAnswer } from '../link/given.ts'
import type { Finished, Given, GivenAnswer } from '../link/given.ts'
import { linesOf } from '../link/lines.ts'

/*
 * The giver's side of one gift: see given.ts.
 *
 *   begun ──ready──▶ ready ──finish──▶ finishing ──made──▶ made ──conclude──▶ concluding ──open──▶ over
 *     └── failed, broken off, the signal ──┴── failed: was it made? ┘             └── nobody has heard it
 *                                              broken off: nobody knows
 *
 * A fork is over when it is made.
 */

/** The repository may have its new name, and nobody has made sure that it has. The message says why. */
export class UncertainGiftError extends Error {
  override readonly name = 'UncertainGiftError'
  /** Whether it certainly has its new name. */
  readonly isMade: boolean

  constructor(message: string, isMade: boolean, cause?: unknown) {
    super(message, { cause })
    this.isMade = isMade
  }
}

export type OpenedGiving = AsyncDisposable & {
  /** Rejects where the receiver does not take it. */
  readonly ready: Promise<void>
  /** Resolves when it is made. @throws {Refusal} where it was not made; {UncertainGiftError}; the signal's reason */
  finish(finished: Finished): Promise<void>
  /** Says that the old name is gone. Takes as long as the receiver may be silent, at most. @returns whether it has heard it */
  conclude(): Promise<boolean>
}

export type Receiver = {
  readonly host: string
  /** Undefined where it does not live. */
  readonly address: Address | undefined
  readonly timeoutMs: number
}

type Progress = { readonly signal: AbortSignal; readonly onWords: (words: string) => void }

/** @param ending aborted when this host stops */
export function openGiving(
  links: HostLinks,
  { host, address, timeoutMs }: Receiver,
  given: Given,
  { signal, onWords }: Progress,
  ending: AbortSignal,
): OpenedGiving {
  if (!address) throw notTaken(host, 'it does not live.')
  const cutting = new AbortController()
  const late = () => cutting.abort(new Error(`it has shown no sign of life for ${timeoutMs} ms.`))
  const timer = setTimeout(late, timeoutMs)
  const leaving = addAbortListener(signal, () => cutting.abort(signal.reason))
  const stopping = addAbortListener(ending, () => cutting.abort(new Refusal('draining')))
  const sent = links.post(address, givenPath, cutting.signal)
  sent.on('error', () => {})
  sent.write(`${JSON.stringify(given)}\n`)
  const { promise: ready, resolve: isReady, reject: isNotReady } = Promise.withResolvers<void>()
  ready.catch(() => {})
  const { promise: made, resolve: isMade } = Promise.withResolvers<void>()
  const read = async () => {
    const [reply] = (await once(sent, 'response', { signal: cutting.signal })) as [IncomingMessage]
    const onMade = given.kind === 'fork' ? undefined : isMade
    return await lastAnswer(reply, { onSign: () => timer.refresh(), onWords, onReady: isReady, onMade })
  }
  const last = read()
    .catch((error: unknown) => Promise.reject(cutting.signal.aborted ? cutting.signal.reason : error))
    .finally(() => clearTimeout(timer))
  let isBroken = false
  const onBroken = (error: unknown) => {
    isBroken = true
    isNotReady(notBegun(host, error))
  }
  last.then((answer) => isNotReady(refusalOf(host, answer)), onBroken)
  return {
    ready,
    async finish(finished) {
      if (isBroken) throw notBegun(host, await last.catch((error: unknown) => error))
      sent.write(`${JSON.stringify(finished)}\n`)
      const answer = await Promise.race([made, last]).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : cutOff(host, error)
      })
      // Nobody is to wait any more for an operator who has left.
      leaving[Symbol.dispose]()
      if (!answer || 'made' in answer) return
      if ('failed' in answer && answer.isMade) throw new UncertainGiftError(`${host} says: ${answer.failed}`, true)
      throw refusalOf(host, answer)
    },
    async conclude() {
      sent.end(`${goneLine}\n`)
      const answer = await within(timeoutMs, last, undefined).catch(() => undefined)
      return answer !== undefined && 'open' in answer
    },
    async [Symbol.asyncDispose]() {
      leaving[Symbol.dispose]()
      stopping[Symbol.dispose]()
      cutting.abort(new Error('It is over.'))
      await last.catch(() => {})
    },
  }
}

type Last = Extract<GivenAnswer, { readonly made: true } | { readonly open: true } | { readonly failed: string }>

type Heard = {
  readonly onSign: () => void
  readonly onWords: (words: string) => void
  readonly onReady: () => void
  /** Undefined: then it is over. */
  readonly onMade: (() => void) | undefined
}

async function lastAnswer(reply: IncomingMessage, to: Heard): Promise<Last> {
  for await (const line of linesOf(reply as AsyncIterable<Buffer>, maxGivenLineBytes, to.onSign)) {
    if (reply.statusCode !== 200) throw new Error(`it has answered ${reply.statusCode}: ${line.slice(0, 300)}`)
    const answer = readGivenAnswer(line)
    if (!answer) throw new Error('it has answered what no host of this version does.')
    if ('failed' in answer || 'open' in answer) return answer
    if ('made' in answer) {
      if (!to.onMade) return answer
      to.onMade()
    } else if ('ready' in answer) to.onReady()
    else to.onWords(answer.words)
  }
  throw new Error('it has broken off.')
}

function refusalOf(host: string, answer: Last): Refusal {
  if (!('failed' in answer)) return notTaken(host, 'it has answered too soon.')
  const { failed, reason } = answer
  const known = reason !== null && Object.hasOwn(reasons, reason) ? (reason as Reason) : 'operation_failed'
  if (known === 'disk_full') return new Refusal(known, { sentence: noRoom(host) })
  const hint = known === 'misplaced' ? ' Try again in a moment: the new name is moving to another host.' : ''
  return new Refusal(known, { sentence: `The host ${host} says: ${failed}${hint}` })
}

function noRoom(host: string): string {
  return `The disk of the host ${host} is full. Nothing was changed, and nothing is left there. Make room on it, and try again.`
}

function notBegun(host: string, error: unknown): Refusal {
  return error instanceof Refusal ? error : notTaken(host, wordsOf(error), error)
}

function notTaken(host: string, why: string, cause?: unknown): Refusal {
  const sentence = `The host ${host} does not take the repository, which is as it was: ${why}`
  return new Refusal('operation_failed', { sentence, cause })
}

function cutOff(host: string, error: unknown): UncertainGiftError {
  const why = error instanceof Refusal ? 'this host stops.' : wordsOf(error)
  return new UncertainGiftError(`The answer of ${host} is missing: ${why}`, false, error)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

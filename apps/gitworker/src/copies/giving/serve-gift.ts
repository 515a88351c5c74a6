import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '@sluice/shared/telemetry/log'
import { within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { creationRefusal } from '../../creation/creation-refusal.ts'
import { progressLines } from '../../git/progress-lines.ts'
import { isGoneLine, maxGivenLineBytes, readFinished, readGiven } from '../link/given.ts'
import type { GivenAnswer } from '../link/given.ts'
import { linesOf } from '../link/lines.ts'
import { NotConfirmedError, receiveRepository } from './receive-repository.ts'
import type { ReceiveServices } from './receive-repository.ts'

export type GiftServices = ReceiveServices & { readonly log: Logger }

export type GiftSignals = {
  /** Aborted when the giver is gone, or this host stops. */
  readonly leaving: AbortSignal
  /** Aborted when this host stops. */
  readonly ending: AbortSignal
}

/** The pause between two signs of life. Milliseconds. */
const signEveryMs = 250

/** git names where it fetches from, which is two numbers of open files, and each reference, of which there may be very many. */
const isNoProgress = /^From fd::|^(?:[*+=t-] |[0-9a-f]{4,}\.\.).* -> /

/** The giver waits for pushes to end, and reads its references; or it waits for reads to end, and for its copies. Milliseconds. */
const longestWaitMs = 5 * 60_000

/** Receives the repository that another host gives: see given.ts. @throws {Error} for what no host of this version gives */
export async function serveGift(
  services: GiftServices,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signals: GiftSignals,
): Promise<void> {
  const lines = linesOf(incoming as AsyncIterable<Buffer>, maxGivenLineBytes)
  const given = readGiven((await lines.next()).value ?? '')
  if (!given) throw new Refusal('bad_operation', { sentence: 'This is not what a host of this version gives.' })
  const line = { repository: given.to, kind: given.kind, from: given.from.repository, giver: given.from.primary }
  outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  const say = (answer: GivenAnswer) => void outgoing.write(`${JSON.stringify(answer)}\n`)
  // It waits for its turn, for git, for the disk, for the giver: what is stuck for good is ended by an operator.
  const signing = setInterval(() => {
    if (!outgoing.writableNeedDrain) outgoing.write('\n')
  }, signEveryMs)
  const tell = (words: string) => {
    if (!outgoing.writableNeedDrain && !isNoProgress.test(words)) say({ words })
  }
  const ofGit = progressLines(tell)
  const onWords = (words?: Buffer) => {
    if (words) ofGit(words)
  }
  const next = async () => (await within(longestWaitMs, lines.next(), undefined))?.value ?? ''
  const ready = async () => {
    say({ ready: true })
    const finished = readFinished(await next())
    if (!finished) throw new Error(brokenOff)
    return finished
  }
  const made = async () => {
    say({ made: true })
    if (!isGoneLine(await next())) throw new Error(brokenOff)
  }
  try {
    await receiveRepository(services, { given, ...signals, onWords, tell, ready, made })
    services.log.info(line, 'took over a repository')
    const last: GivenAnswer = given.kind === 'fork' ? { made: true } : { open: true }
    outgoing.end(`${JSON.stringify(last)}\n`)
  } catch (error) {
    services.log.warn({ ...line, err: error }, 'did not take over a repository')
    outgoing.end(`${JSON.stringify(failedBy(error))}\n`)
  } finally {
    clearInterval(signing)
  }
}

const brokenOff = 'The host that gives it has broken off.'

function failedBy(error: unknown): GivenAnswer {
  const isMade = error instanceof NotConfirmedError
  // A full disk is named, whatever has found it.
  const refusal = isMade ? undefined : refusalIn(creationRefusal(error))
  const failed = refusal?.sentence ?? (error instanceof Error ? error.message : String(error))
  return { failed: failed.slice(-5000), reason: refusal?.reason ?? null, isMade }
}

/** What makes a repository wraps what went wrong: that says more. */
function refusalIn(error: unknown): Refusal | undefined {
  if (!(error instanceof Refusal)) return undefined
  const { cause } = error
  if (error.reason !== 'create_failed' || !(cause instanceof Error)) return error
  return cause instanceof Refusal ? cause : new Refusal('operation_failed', { sentence: cause.message.slice(-500) })
}

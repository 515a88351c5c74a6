import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from './host-links.ts'
import { keptPath, readKeptLine } from './kept.ts'
import type { KeptAnswer, KeptAsked } from './kept.ts'
import { linesOf } from './lines.ts'

/** One line has the names of one slot's repositories. */
const maxLineBytes = 16 * 1024 * 1024

/**
 * Asks a copy what it has of some slots.
 *
 * @param timeoutMs for which nothing may come from it
 * @throws {Error} where it cannot be reached, breaks off, or shows no progress for so long; the signal's reason
 */
export async function askKept(
  links: HostLinks,
  address: Address,
  asked: KeptAsked,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, KeptAnswer>> {
  const ending = new AbortController()
  const late = () => ending.abort(new Error(`The copy has shown no progress for ${timeoutMs} ms.`))
  const timer = setTimeout(late, timeoutMs)
  const either = AbortSignal.any([ending.signal, signal])
  try {
    const sent = links.post(address, keptPath, either)
    sent.end(`${JSON.stringify(asked)}\n`)
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    return await answersIn(reply, () => timer.refresh())
  } catch (error) {
    throw either.aborted ? either.reason : error
  } finally {
    clearTimeout(timer)
    ending.abort()
  }
}

async function answersIn(reply: IncomingMessage, onProgress: () => void): Promise<Map<number, KeptAnswer>> {
  const answers = new Map<number, KeptAnswer>()
  for await (const text of linesOf(reply as AsyncIterable<Buffer>, maxLineBytes, onProgress)) {
    if (reply.statusCode !== 200) throw new Error(`The copy has answered ${reply.statusCode}: ${text.slice(0, 300)}`)
    const line = readKeptLine(text)
    if (!line) throw new Error('The copy has answered what no copy of this version does.')
    if ('end' in line) return answers
    answers.set(line.slot, line)
  }
  throw new Error('The copy has broken off.')
}

import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from './host-links.ts'

/** Of a reply. Signs of life are one byte each. */
const maxLineBytes = 64 * 1024

/** What a copy is told, where, and how its answer is read. */
export type Telling<Answer> = {
  readonly path: string
  readonly told: object
  /** Undefined for what no copy of this version answers. */
  readonly readAnswer: (line: string) => Answer | undefined
}

/**
 * Tells a copy what it is to have, and waits until it has it.
 *
 * @param timeoutMs for which nothing may come from it
 * @throws {Error} where it cannot be reached, breaks off, or shows no progress for so long; the signal's reason
 */
export async function tellCopy<Answer>(
  links: HostLinks,
  address: Address,
  { path, told, readAnswer }: Telling<Answer>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const ending = new AbortController()
  const late = () => ending.abort(new Error(`The copy has shown no progress for ${timeoutMs} ms.`))
  const timer = setTimeout(late, timeoutMs)
  const either = AbortSignal.any([ending.signal, signal])
  try {
    const sent = links.post(address, path, either)
    sent.end(`${JSON.stringify(told)}\n`)
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    const line = await lastLine(reply, () => timer.refresh())
    if (reply.statusCode !== 200) throw new Error(`The copy has answered ${reply.statusCode}: ${line.slice(0, 300)}`)
    const answer = readAnswer(line)
    if (!answer) throw new Error('The copy has broken off.')
    return answer
  } catch (error) {
    throw either.aborted ? either.reason : error
  } finally {
    clearTimeout(timer)
  }
}

async function lastLine(reply: IncomingMessage, onProgress: () => void): Promise<string> {
  let line = ''
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    onProgress()
    line = (line + chunk.toString()).trimStart()
    if (line.length > maxLineBytes) throw new Error('The copy has answered too much.')
  }
  return line.trim()
}

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from './host-links.ts'
import { linesOf } from './lines.ts'

/** In bytes. */
const maxLineBytes = 16 * 1024 * 1024

/** What a host is asked, and what becomes of its lines. */
export type AskedLines = {
  readonly path: string
  readonly asked: object
  /** @returns whether it was the last one; undefined for what no host of this version answers */
  readonly take: (line: string) => boolean | undefined
}

/**
 * Asks another host something that it answers with many lines. Empty ones are signs of life.
 *
 * @param timeoutMs for which nothing may come from it
 * @throws {Error} where it cannot be reached, breaks off, or shows no progress for so long; the signal's reason
 */
export async function askLines(
  links: HostLinks,
  address: Address,
  { path, asked, take }: AskedLines,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController()
  const late = () => ending.abort(new Error(`The host has shown no progress for ${timeoutMs} ms.`))
  const timer = setTimeout(late, timeoutMs)
  const either = AbortSignal.any([ending.signal, signal])
  try {
    const sent = links.post(address, path, either)
    sent.end(`${JSON.stringify(asked)}\n`)
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    for await (const text of linesOf(reply as AsyncIterable<Buffer>, maxLineBytes, () => timer.refresh())) {
      if (reply.statusCode !== 200) throw new Error(`The host has answered ${reply.statusCode}: ${text.slice(0, 300)}`)
      const isLast = take(text)
      if (isLast === undefined) throw new Error('The host has answered what no host of this version does.')
      if (isLast) return
    }
    throw new Error('The host has broken off.')
  } catch (error) {
    throw either.aborted ? either.reason : error
  } finally {
    clearTimeout(timer)
    ending.abort()
  }
}

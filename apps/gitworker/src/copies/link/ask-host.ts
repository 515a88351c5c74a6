import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from './host-links.ts'
import { pathTo } from './wanted-from.ts'
import type { WantedFrom } from './wanted-from.ts'

/**
 * Asks the primary that `from` names.
 *
 * @returns its reply, which is a 200
 * @throws {Error} where it does not live, breaks off, or has refused, in its words; the signal's reason
 */
export type AskHost = (
  path: string,
  from: WantedFrom,
  more: Record<string, string>,
  signal: AbortSignal,
) => Promise<IncomingMessage>

const maxRefusalBytes = 64 * 1024
const mostWords = 300

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function askHost(links: HostLinks, self: string, addressOf: (host: string) => Address | undefined): AskHost {
  return async (path, from, more, signal) => {
    const { primary } = from
    const address = addressOf(primary)
    if (!address) throw new Error(`${primary} does not live.`)
    const sent = links.post(address, pathTo(path, from, self, more), signal)
    sent.end()
    const [message] = (await once(sent, 'response', { signal })) as [IncomingMessage]
    if (message.statusCode === 200) return message
    const words = (await wholeReply(message, maxRefusalBytes)).toString().slice(0, mostWords).trim()
    throw new Error(`${primary} has answered ${message.statusCode}: ${words}`)
  }
}

/** @throws {Error} for one that is larger */
export async function wholeReply(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('The primary has answered too much.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

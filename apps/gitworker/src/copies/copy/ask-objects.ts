import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from '../link/host-links.ts'
import { objectPagePath, objectPath, readObjectPage } from '../link/told-objects.ts'
import type { ObjectPage } from '../object-store.ts'
import { pathTo } from '../link/wanted-from.ts'
import type { WantedFrom } from '../link/wanted-from.ts'

/** What a copy asks the primary for. All reject with {Error} where the primary does not answer as it should. */
export type AskObjects = {
  page(from: WantedFrom, after: string, signal: AbortSignal): Promise<ObjectPage>
  /** The bytes of an object. What breaks off ends with an error. */
  object(from: WantedFrom, oid: string, signal: AbortSignal): Promise<Readable>
}

/** A page has a thousand objects, and those of one folder more, of 256. */
const maxPageBytes = 64 * 1024 * 1024

const maxRefusalBytes = 64 * 1024
const mostWords = 300

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function askForObjects(
  links: HostLinks,
  self: string,
  addressOf: (host: string) => Address | undefined,
): AskObjects {
  const ask = async (path: string, from: WantedFrom, more: Record<string, string>, signal: AbortSignal) => {
    const { primary } = from
    const address = addressOf(primary)
    if (!address) throw new Error(`${primary} does not live.`)
    const sent = links.post(address, pathTo(path, from, self, more), signal)
    sent.end()
    const [message] = (await once(sent, 'response', { signal })) as [IncomingMessage]
    if (message.statusCode === 200) return message
    const words = await textOf(message, maxRefusalBytes)
    throw new Error(`${primary} has answered ${message.statusCode}: ${words.slice(0, mostWords).trim()}`)
  }
  return {
    async page(from, after, signal) {
      const page = readObjectPage(await textOf(await ask(objectPagePath, from, { after }, signal), maxPageBytes))
      if (!page) throw new Error(`${from.primary} has answered with something else than objects.`)
      return page
    },
    object: (from, oid, signal) => ask(objectPath, from, { oid }, signal),
  }
}

async function textOf(message: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('The primary has answered too much.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

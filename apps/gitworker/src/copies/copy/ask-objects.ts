import type { Readable } from 'node:stream'
import type { Address } from '@sluice/shared/network/address'
import { askHost, wholeReply } from '../link/ask-host.ts'
import type { HostLinks } from '../link/host-links.ts'
import { objectPagePath, objectPath, readObjectPage } from '../link/told-objects.ts'
import type { ObjectPage } from '../object-store.ts'
import type { WantedFrom } from '../link/wanted-from.ts'

/** What a copy asks the primary for. All reject with {Error} where the primary does not answer as it should. */
export type AskObjects = {
  page(from: WantedFrom, after: string, signal: AbortSignal): Promise<ObjectPage>
  /** The bytes of an object. What breaks off ends with an error. */
  object(from: WantedFrom, oid: string, signal: AbortSignal): Promise<Readable>
}

/** A page has a thousand objects, and those of one folder more, of 256. */
const maxPageBytes = 64 * 1024 * 1024

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function askForObjects(
  links: HostLinks,
  self: string,
  addressOf: (host: string) => Address | undefined,
): AskObjects {
  const ask = askHost(links, self, addressOf)
  return {
    async page(from, after, signal) {
      const reply = await ask(objectPagePath, from, { after }, signal)
      const page = readObjectPage((await wholeReply(reply, maxPageBytes)).toString())
      if (!page) throw new Error(`${from.primary} has answered with something else than objects.`)
      return page
    },
    object: (from, oid, signal) => ask(objectPath, from, { oid }, signal),
  }
}

import type { Address } from '@sluice/shared/network/address'
import { askHost, wholeReply } from '../link/ask-host.ts'
import type { HostLinks } from '../link/host-links.ts'
import { pushPath, readPushed, readToldTexts, textsPath } from '../link/told.ts'
import type { Pushed } from '../link/told.ts'
import type { RepositoryTexts } from '../state/repository-texts.ts'
import type { WantedFrom } from '../link/wanted-from.ts'

/** What a copy asks the primary for. All reject with {Error} where the primary does not answer as it should. */
export type AskPrimary = {
  /** The configuration, the description and the locks of a repository. */
  texts(from: WantedFrom, signal: AbortSignal): Promise<RepositoryTexts>
  /** The push that it offers. */
  push(from: WantedFrom, offer: string, signal: AbortSignal): Promise<Pushed & { readonly pack: Buffer }>
}

/** Texts of 64 KiB, of which each byte may take six characters, and 2 MiB of locks; or a hundred references, and a pack of 1 MiB. */
const maxAnswerBytes = 8 * 1024 * 1024

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function askPrimary(
  links: HostLinks,
  self: string,
  addressOf: (host: string) => Address | undefined,
): AskPrimary {
  const reply = askHost(links, self, addressOf)
  const ask: (...asked: Parameters<typeof reply>) => Promise<Buffer> = async (...asked) =>
    await wholeReply(await reply(...asked), maxAnswerBytes)
  return {
    async texts(from, signal) {
      const texts = readToldTexts((await ask(textsPath, from, {}, signal)).toString())
      if (!texts) throw new Error(`${from.primary} has answered with something else than texts.`)
      return texts
    },
    async push(from, offer, signal) {
      const answer = await ask(pushPath, from, { offer }, signal)
      const end = answer.indexOf('\n')
      const pushed = readPushed(answer.toString('utf8', 0, Math.max(end, 0)))
      if (!pushed) throw new Error(`${from.primary} has answered with something else than a push.`)
      return { ...pushed, pack: answer.subarray(end + 1) }
    },
  }
}

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Address } from '@sluice/shared/network/address'
import type { HostLinks } from '../link/host-links.ts'
import { readToldTexts, textsPath } from '../link/told.ts'
import type { Told } from '../link/told.ts'
import type { RepositoryTexts } from '../state/repository-texts.ts'

/** Asks the primary for the configuration and the description of a repository. @throws {Error} where it does not answer */
export type AskTexts = (
  told: Pick<Told, 'repository' | 'primary' | 'term'>,
  signal: AbortSignal,
) => Promise<RepositoryTexts>

/** Two texts of 64 KiB, of which each byte may take six characters. */
const maxAnswerBytes = 1024 * 1024

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function textsOfPrimary(
  links: HostLinks,
  self: string,
  addressOf: (host: string) => Address | undefined,
): AskTexts {
  return async ({ repository, primary, term }, signal) => {
    const address = addressOf(primary)
    if (!address) throw new Error(`${primary} does not live.`)
    const query = new URLSearchParams({ repository, term: String(term), copy: self })
    const sent = links.post(address, `${textsPath}?${query.toString()}`, signal)
    sent.end()
    const [message] = (await once(sent, 'response', { signal })) as [IncomingMessage]
    let answer = ''
    for await (const chunk of message as AsyncIterable<Buffer>) {
      answer += chunk.toString()
      if (answer.length > maxAnswerBytes) throw new Error(`${primary} has answered too much.`)
    }
    const texts = message.statusCode === 200 ? readToldTexts(answer) : undefined
    if (texts) return texts
    throw new Error(`${primary} has answered ${message.statusCode}: ${answer.slice(0, 300).trim()}`)
  }
}

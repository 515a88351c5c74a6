import type { Address } from '@sluice/shared/network/address'
import { askLines } from './ask-lines.ts'
import type { HostLinks } from './host-links.ts'
import { keptPath, readKeptLine } from './kept.ts'
import type { KeptAnswer, KeptAsked } from './kept.ts'

/**
 * Asks a copy what it has of some slots. One line has the names of one slot's repositories.
 *
 * @param timeoutMs for which nothing may come from it
 * @throws as `askLines`
 */
export async function askKept(
  links: HostLinks,
  address: Address,
  asked: KeptAsked,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, KeptAnswer>> {
  const answers = new Map<number, KeptAnswer>()
  const take = (text: string) => {
    const line = readKeptLine(text)
    if (line && 'slot' in line) answers.set(line.slot, line)
    return line && 'end' in line
  }
  await askLines(links, address, { path: keptPath, asked, take }, timeoutMs, signal)
  return answers
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { readOutcomeAsked } from '../link/given.ts'
import type { OutcomeAsked } from '../link/given.ts'
import { Signs } from './signs.ts'
import { answerTold, messageOf } from './told-line.ts'
import { outcomeOf } from '../giving/outcome.ts'
import type { OutcomeServices } from '../giving/outcome.ts'

/** In bytes: a name of 4096, of which each may take six characters. */
const maxAskedBytes = 64 * 1024

/** The copies are waited for. Milliseconds. */
const longestMs = 10 * 60_000

/** Says what has become of a rename from a name of this host. */
export async function serveOutcome(
  { outcomes, log }: { readonly outcomes: OutcomeServices; readonly log: Logger },
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const answer = async (asked: OutcomeAsked, onProgress: () => void) => {
    using signs = new Signs(onProgress, longestMs)
    signs.begin()
    try {
      return { outcome: await outcomeOf(outcomes, asked) }
    } catch (error) {
      log.debug({ err: error, ...asked }, 'it is not known here what became of a rename')
      return { failed: (error instanceof Refusal ? error.sentence : messageOf(error)).slice(0, 5000) }
    }
  }
  await answerTold(incoming, outgoing, { maxBytes: maxAskedBytes, read: readOutcomeAsked, answer })
}

import { pktLength } from '@sluice/shared/git/pkt-line'
import type { PushResults } from '@sluice/shared/git/push-results'
import { isCreation, isDeletion, PushCommands } from '../../push/push-commands.ts'
import type { RefChange } from '../state/state-digest.ts'

/** More references are fetched. */
const mostChanges = 100

/** What a push has changed, and the pack that it has brought. */
export type PushContents = { readonly changes: readonly RefChange[]; readonly pack: Buffer }

/**
 * Finds in a push what another receive-pack must be given to do the same.
 *
 * @param body all of it, inflated
 * @param results git's report of it
 * @returns undefined where that cannot be said. git compares the old values of updates and creations, but not of deletions;
 *   and a shallow push brings only a part of what it needs
 */
export function contentsOfPush(
  body: Buffer,
  { results, count }: Pick<PushResults, 'results' | 'count'>,
): PushContents | undefined {
  const push = new PushCommands('latin1')
  while (push.commands.length <= mostChanges && push.read(body));
  const isUsual = push.isWhole && push.commands.length <= mostChanges && results.length === count
  if (!isUsual || body.subarray(0, push.length).includes('shallow ')) return undefined
  const changes: RefChange[] = []
  for (const { ref, why, instead } of results) {
    if (why !== undefined) continue
    const [command, another] = push.commands.filter((one) => one.ref === ref)
    if (!command || another || isDeletion(command) || Object.keys(instead).length > 0) return undefined
    const old = isCreation(command) ? undefined : command.oldId.toLowerCase()
    changes.push({ ref, old, new: command.newId.toLowerCase() })
  }
  const options = endOfLines(body, push.length)
  const pack = push.capabilities.has('push-options') ? endOfLines(body, options) : options
  return changes.length === 0 || pack === undefined ? undefined : { changes, pack: body.subarray(pack) }
}

/**
 * Commands end with a flush packet, and so do the options between them and the pack: gitprotocol-pack(5).
 *
 * @returns where the next thing begins; undefined where this one ends in another way
 */
function endOfLines(body: Buffer, from: number | undefined): number | undefined {
  for (let at = from; at !== undefined && at + 4 <= body.length;) {
    const length = pktLength(body, at)
    if (length === 0) return at + 4
    at = length === undefined || length < 4 ? undefined : at + length
  }
  return undefined
}

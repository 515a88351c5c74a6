import { isDistrust, isHostsFault, isMisplaced, isNotBegun, toldSlotOf } from '@sluice/shared/host-protocol/from-host'
import type { ReplyHeaders } from '@sluice/shared/host-protocol/from-host'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Leg } from '../hosts/placement.ts'
import { Unanswered } from './unanswered.ts'

/**
 * What a host's reply means where it is between host and gateway, or where another host may have a better one.
 *
 * @returns undefined where the reply is for the client
 */
export function withoutAnswer(
  { term, hasOther }: Pick<Leg, 'term' | 'hasOther'>,
  headers: ReplyHeaders,
  reason: string | undefined,
  isPush: boolean,
): Refusal | Unanswered | undefined {
  // Clients can do nothing about it.
  const distrust = isDistrust(reason) ? new Refusal('host_refused') : undefined
  if (distrust) return hasOther ? new Unanswered('failed', distrust) : distrust
  // A gateway that knows of no cluster cannot find the right host.
  if (isMisplaced(reason) && term === undefined) return undefined
  if (isNotBegun(headers)) {
    return isMisplaced(reason)
      ? new Unanswered('misplaced', undefined, toldSlotOf(headers))
      : new Unanswered('not begun')
  }
  // The end of the host's drain: the next host will serve it.
  if (reason === 'draining' && !isPush) return new Unanswered('broke off')
  return hasOther && isHostsFault(reason) ? new Unanswered('failed', new Refusal(reason as Reason)) : undefined
}

import { readToldSlot, writeToldSlot } from '../placement/told-slot.ts'
import type { ToldSlot } from '../placement/told-slot.ts'
import { outcomeOf } from '../refusal/reasons.ts'
import type { Reason } from '../refusal/reasons.ts'
import { notBegunHeader, reasonHeader, toldSlotHeader } from './headers.ts'

/** A refusal's reason, for the head of a reply, or for its trailer where the reply had begun. */
export function reasonHeaders(reason: Reason): { [reasonHeader]: Reason } {
  return { [reasonHeader]: reason }
}

/** In the refusal of a host that has read nothing of the request's body and started nothing. */
export const notBegunHeaders = { [notBegunHeader]: 'yes' } as const

/** For a gateway: who serves the slot that this host does not. Empty where that is too long to be told. */
export function toldSlotHeaders(told: ToldSlot): { readonly [toldSlotHeader]?: string } {
  const text = writeToldSlot(told)
  return text === undefined ? {} : { [toldSlotHeader]: text }
}

/** By lower-case names. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>

const reasonKey = reasonHeader.toLowerCase()

/** @param headers of a reply, or its trailers, by lower-case names */
export function reasonOf(headers: ReplyHeaders): string | undefined {
  const reason = headers[reasonKey]
  return typeof reason === 'string' ? reason : undefined
}

/** @returns undefined where the host tells nothing, or what is not valid */
export function toldSlotOf(headers: ReplyHeaders): ToldSlot | undefined {
  const told = headers[toldSlotHeader]
  return typeof told === 'string' ? readToldSlot(told) : undefined
}

/** Whether the same request can be sent again, whatever it is. */
export function isNotBegun(headers: ReplyHeaders): boolean {
  return notBegunHeader in headers
}

/** Whether a host says that another one serves this repository, or that it does not know whether it may. */
export function isMisplaced(reason: string | undefined): boolean {
  return reason === 'misplaced' || reason === 'no_lease'
}

/** Whether a host says that it cannot do its part, where another copy of the repository might. */
export function isHostsFault(reason: string | undefined): boolean {
  return outcomeOf(reason) === 'failed'
}

/** Whether a host does not take the sender for a gateway. */
export function isDistrust(reason: string | undefined): boolean {
  return reason === 'wrong_secret' || reason === 'wrong_certificate'
}

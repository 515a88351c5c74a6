import { z } from 'zod'
import { slotCount } from '@sluice/shared/placement/slot'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'

/*
 * What a primary asks a copy before it brings it in sync, and what the copy answers: POST /-/copies/kept, with one line of
 * JSON for many slots. The answer is one line for each slot, and one at the end. Empty lines say that it is at work.
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have this name. */
export const keptPath = '/-/copies/kept'

const slot = z
  .int()
  .min(0)
  .max(slotCount - 1)

const asked = z.strictObject({
  /** The host that asks. */
  primary: hostName,
  /** Slots, and the terms in which it is their primary. */
  slots: z.array(z.tuple([slot, z.int().positive()])).max(slotCount),
})

export type KeptAsked = z.output<typeof asked>

/** @returns undefined for what no primary of this version asks */
export function readKeptAsked(line: string): KeptAsked | undefined {
  return asked.safeParse(parseJson(line)).data
}

const line = z.union([
  z.strictObject({ slot, repositories: z.array(z.string().min(1).max(4096)) }),
  z.strictObject({ slot, failed: z.string().max(10_000) }),
  z.strictObject({ end: z.literal(true) }),
])

/** The plain names of what it has of a slot, or why it cannot be a copy of it now. The last line says that nothing is missing. */
export type KeptLine = z.output<typeof line>
export type KeptAnswer = Exclude<KeptLine, { readonly end: true }>

/** @returns undefined for what no copy of this version answers */
export function readKeptLine(text: string): KeptLine | undefined {
  return line.safeParse(parseJson(text)).data
}

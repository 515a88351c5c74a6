import { z } from 'zod'
import { slotCount } from '@sluice/shared/placement/slot'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'

/*
 * What a copy asks the primary of slots that it keeps, a few times for each lease, and what it is answered: JSON both ways.
 * One message is for all slots that two hosts have in common.
 */

/** A moment of the primary's clocks, which only the process that has written it can read. */
const moment = z.strictObject({ run: z.string().max(100), monotonic: z.number(), sinceBoot: z.number() })

const ask = z.strictObject({
  /** Who asks. */
  host: hostName,
  /** The revision up to which its watch has told it all slots. */
  watched: z.int().min(0),
  /** From when it sends this, it acknowledges nothing for so long in slots that it takes from this primary. Milliseconds. */
  promisedMs: z.int().min(0).max(120_000),
  /** That of the last answer; null: there was none. It shows the primary since when the promise holds at least. */
  lastMoment: moment.nullable(),
})

export type ReadAsk = z.output<typeof ask>

const slotNumber = z
  .int()
  .min(0)
  .max(slotCount - 1)

const grant = z.strictObject({
  /** The copy may use it as soon as its watch has come so far: what the primary has written by then, it must know. */
  revision: z.int().min(0),
  /** Counted from when the copy has asked. Milliseconds. */
  ms: z.number().min(0).max(120_000),
  moment,
  /** Null: the primary's lease is live. Else only the hosts that promise it to take nothing from it keep others away. */
  promisedBy: z.array(hostName).max(1000).nullable(),
  /** Slots that it is not for: the primary gives them away, and they may be another host's by now. */
  inDoubt: z.array(slotNumber).max(slotCount),
})

export type ReadGrant = z.output<typeof grant>
export type Moment = z.output<typeof moment>

/** @returns undefined for what no copy of this version asks */
export function readAsk(text: string): ReadAsk | undefined {
  return ask.safeParse(parseJson(text)).data
}

/** @returns undefined for what no primary of this version answers */
export function readGrant(text: string): ReadGrant | undefined {
  return grant.safeParse(parseJson(text)).data
}

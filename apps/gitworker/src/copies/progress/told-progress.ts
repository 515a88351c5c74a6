import { z } from 'zod'
import { slotCount } from '@sluice/shared/placement/slot'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'
import type { CopiesStatus } from '../catching-up/copies-status.ts'

/*
 * What a host asks another one for its operator: POST /-/copies/progress, how the copies of its slots come along. The answer
 * is one line of JSON.
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have this name. */
export const progressPath = '/-/copies/progress'

/** In bytes. */
export const maxProgressAskedBytes = 4096

const asked = z.object({
  /** The host that asks. */
  host: hostName,
})

/** @returns undefined for what no host asks */
export function readProgressAsked(line: string): z.output<typeof asked> | undefined {
  return asked.safeParse(parseJson(line)).data
}

const count = z.int().nonnegative()

/** What another version says besides is passed over. */
const progress = z.object({
  catchingUp: z
    .array(z.object({ copy: hostName, slotsLeft: count, slotsDone: count, slotsFailed: count, repositories: count }))
    .max(10_000),
  problems: z
    .array(z.object({ slot: count.max(slotCount - 1), copy: hostName, why: z.string().max(10_000) }))
    .max(1000),
})

/** What a primary brings to its copies, and what it could not bring. */
export type ToldProgress = Pick<CopiesStatus, 'catchingUp' | 'problems'>

/** @returns undefined for what no host answers */
export function readProgress(line: string): ToldProgress | undefined {
  return progress.safeParse(parseJson(line)).data
}

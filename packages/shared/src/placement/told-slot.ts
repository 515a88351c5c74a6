import { z } from 'zod'
import { hostRecord } from './host-record.ts'
import type { HostRecord } from './host-record.ts'
import { hostName, parseJson, slotRecordOf, writeSlotRecord } from './slot-record.ts'
import type { SlotRecord } from './slot-record.ts'

/*
 * What a host tells a gateway of a slot that it does not serve, so that a gateway that is cut off from the coordinator can
 * follow. It is one line of ASCII for a header:
 *
 *   {"revision":12,"slot":{…},"hosts":{"host-2":{"revision":9,"record":{…}}}}
 */

/** In characters. More is neither written nor read. Sixteen hosts with addresses of usual lengths fit. */
export const longestTold = 4096

/** A host that lives. */
export type ToldHost = { readonly record: HostRecord; readonly revision: number }

export type ToldSlot = {
  readonly record: SlotRecord
  /** Of the slot's key. */
  readonly revision: number
  /** By name, those of the slot's hosts of which the teller has heard. */
  readonly hosts: ReadonlyMap<string, ToldHost>
}

const revision = z.int().positive()

const schema = z.object({
  revision,
  slot: z.unknown(),
  hosts: z.record(hostName, z.object({ revision, record: hostRecord })),
})

/** Tells of as many hosts as fit, in their order. @returns undefined where not even the slot fits */
export function writeToldSlot(told: ToldSlot): string | undefined {
  const slot = parseJson(writeSlotRecord(told.record))
  let written: string | undefined
  const hosts: Record<string, ToldHost> = {}
  for (const [name, host] of [undefined, ...told.hosts].map((entry) => entry ?? [])) {
    if (name !== undefined && host !== undefined) hosts[name] = host
    const text = inAscii(JSON.stringify({ revision: told.revision, slot, hosts }))
    if (text.length > longestTold) break
    written = text
  }
  return written
}

/** @returns undefined for what is not valid */
export function readToldSlot(text: string): ToldSlot | undefined {
  if (text.length > longestTold) return undefined
  const parsed = schema.safeParse(parseJson(text)).data
  const record = parsed && slotRecordOf(parsed.slot, parsed.revision)
  return record && { record, revision: parsed.revision, hosts: new Map(Object.entries(parsed.hosts)) }
}

/** A header holds no other characters. */
function inAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

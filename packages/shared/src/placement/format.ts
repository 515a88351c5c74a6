import { z } from 'zod'
import { slotCount } from './slot.ts'
import { parseJson } from './slot-record.ts'

/** What all hosts and gateways of a cluster must agree on. The first host writes it. */
export const formatVersion = 1

const schema = z.object({
  version: z.literal(formatVersion),
  slots: z.literal(slotCount),
  /** `shared`: all hosts have the same folder. `own`: each has its own. */
  storage: z.enum(['shared', 'own']),
  /** How many hosts keep each slot. */
  copies: z.int().min(1).max(16),
})

export type ClusterFormat = z.output<typeof schema>

/** Why nobody knows what a cluster agrees on. `foreign`: its key is damaged, or another version has written it. */
export type FormatFault = 'missing' | 'foreign'

/**
 * What that means, and what to do.
 *
 * @param key of the format
 * @param last what it was, where that is known
 */
export function formatFaultInWords(key: string, fault: FormatFault, last: ClusterFormat | undefined): string {
  const what = fault === 'missing' ? 'is missing' : 'is damaged, or another version of Sluice has written it'
  const advice = last === undefined ? 'Write it again' : `It was: etcdctl put ${key} '${JSON.stringify(last)}'`
  return `${key} in etcd ${what}. Until it is mended, no slot is moved, or taken over from a host that dies. ${advice}`
}

/** @returns undefined for what this version cannot work with */
export function readFormat(value: string): ClusterFormat | undefined {
  return schema.safeParse(parseJson(value)).data
}

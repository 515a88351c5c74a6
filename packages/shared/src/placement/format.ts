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

/** @returns undefined for what this version cannot work with */
export function readFormat(value: string): ClusterFormat | undefined {
  return schema.safeParse(parseJson(value)).data
}

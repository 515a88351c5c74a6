import { z } from 'zod'
import { parseAddress } from '../network/address.ts'
import type { Address } from '../network/address.ts'
import { parseJson } from './slot-record.ts'

/** What a newer version adds is passed over: while hosts are upgraded one by one, all of them must be understood. */
export const hostRecord = z.object({
  /** Where gateways reach it: host:port. Never a unix socket, which would be one of the gateway's own machine. */
  address: z
    .string()
    .max(300)
    .refine((text) => isReachable(parseAddress(text))),
  version: z.string().max(100),
  /** How large its share of the slots is, relative to the others. */
  weight: z.int().min(0).max(1000),
  /** Copies of one slot are kept in different zones where that is possible. Empty: none. */
  zone: z.string().max(100),
  /** Random, made at each start of a host: tells two processes with one name apart. */
  run: z.string().max(100),
  /** Whether it is about to stop: its slots are to be handed over, and it gets none. */
  isLeaving: z.boolean(),
})

/** A host that lives. */
export type HostRecord = z.output<typeof hostRecord>

/** @returns undefined for what is not valid */
export function readHostRecord(value: string): HostRecord | undefined {
  return hostRecord.safeParse(parseJson(value)).data
}

export function writeHostRecord(record: HostRecord): string {
  return JSON.stringify(record)
}

function isReachable(address: Address | undefined): boolean {
  return address?.kind === 'tcp' && address.port > 0
}

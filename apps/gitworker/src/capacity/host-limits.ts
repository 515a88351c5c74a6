import type { Machine } from '@sluice/shared/machine/machine'
import type { Resource } from './request-cost.ts'

/** How much of a resource there is, for sizing and for messages. */
export type HostLimit = {
  readonly limit: number
  /** What other processes have left of it at the start. */
  readonly free: number
  /** What sets the limit, in words. */
  readonly from: string
  /** `412 processes and threads`, `512 MiB of memory`. */
  readonly text: (amount: number) => string
}

/** @param own how many of the counted processes and threads are the supervisor's own */
export function hostLimits(machine: Machine, own: number): Readonly<Record<Resource, HostLimit>> {
  const { processes, memoryBytes, memoryFrom, descriptors } = machine
  const others = Math.max(0, processes.used - own)
  const limit = processes.limit ?? Infinity
  const open = descriptors.limit ?? Infinity
  return {
    processes: { limit, free: limit - others, from: processes.from, text: (it) => `${it} processes and threads` },
    // The memory that others use changes from hour to hour, and the sizes must not depend on the time of the start.
    memory: { limit: memoryBytes, free: memoryBytes, from: memoryFrom, text: (it) => `${mebibytes(it)} of memory` },
    descriptors: {
      limit: open,
      free: open,
      from: 'the limit on open files (ulimit -n)',
      text: (it) => `${it} descriptors`,
    },
  }
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

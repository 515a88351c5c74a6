import type { Machine } from '@sluice/shared/machine/machine'
import type { Resource } from './request-cost.ts'

/** How much there is of a resource, for sizing and for the sentences about it. */
export type HostLimit = {
  readonly limit: number
  /** What others have left of it at the start. */
  readonly free: number
  /** What sets the limit. */
  readonly from: string
  /** `412 processes and threads`, `512 MiB of memory`. */
  readonly text: (amount: number) => string
}

/** @param own what the supervisor itself has of the processes that were counted */
export function hostLimits(machine: Machine, own: number): Readonly<Record<Resource, HostLimit>> {
  const { processes, memoryBytes, memoryFrom, descriptors } = machine
  const others = Math.max(0, processes.used - own)
  const limit = processes.limit ?? Infinity
  const open = descriptors.limit ?? Infinity
  return {
    processes: { limit, free: limit - others, from: processes.from, text: (it) => `${it} processes and threads` },
    // What others use of memory changes from hour to hour: the sizes must not depend on the hour of the start.
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

import { ownDescriptors } from '@sluice/shared/connections/connection-limit'
import type { SupervisorConfig } from '../config/config.ts'

/**
 * How much of each resource is used. Threads count as processes. Memory is in bytes, without page cache that can be
 * freed.
 */
export type Cost = Readonly<Record<Resource, number>>

export type Resource = 'processes' | 'memory' | 'descriptors'

/** `likely`: in ordinary use. `least`: if every slot has only a worker and one git without children. */
export type Estimate = { readonly likely: Cost; readonly least: Cost }

export type SlotKind = 'fetchSlots' | 'pushSlots' | 'pushAdvertisementSlots' | 'jobSlots'

/** What one slot of each kind, one idle worker, and the supervisor itself use. */
export function estimateCosts(
  { packThreads, packWindowMemory }: Pick<SupervisorConfig, 'packThreads' | 'packWindowMemory'>,
  runtime: 'launcher' | 'node',
): Record<SlotKind | 'worker' | 'supervisor', Estimate> {
  const worker = measured.worker[runtime]
  // With one thread only, git packs in its main thread.
  const packing = packThreads > 1 ? packThreads : 0
  const windows = packThreads * Math.min(packWindowMemory, measured.window)
  const { git, relay } = measured
  const least = plus(worker, git)
  return {
    worker: { likely: worker, least: worker },
    supervisor: { likely: measured.supervisor, least: measured.supervisor },
    fetchSlots: { likely: plus(worker, relay, measured.fetch, more(packing, windows)), least },
    pushSlots: {
      likely: plus(worker, relay, measured.push, more(Math.max(1 + packing, measured.hookProcesses))),
      least,
    },
    pushAdvertisementSlots: { likely: plus(least, relay), least },
    jobSlots: { likely: least, least },
  }
}

const MiB = 2 ** 20

/*
 * Measured with git 2.39, Bun 1.4 and Node 24 on Linux 6: all processes of a request, every 2 ms, in
 * /proc/<pid>/status. Repositories: 48,620 small objects in 172 MiB, and 1,320 objects, the files among them 300 KiB
 * each, in 156 MiB.
 *
 *   worker of the launcher        1 thread, 52 kB, and the kernel's share: its stack, page tables and sockets; 4 connections here
 *   worker on Node                7 threads, 10 MiB, 3 pipes and a channel here
 *   the launcher                  2.8 MiB
 *   one git without much to do    1 thread, less than 1 MiB
 *   clone                         upload-pack 1, pack-objects 1 and pack.threads more; 52 MiB on one thread, 56 on four
 *   fetch of 50 commits to these  24 MiB on four threads, in their windows: 6 MiB each, where pack.windowMemory allows it
 *   push of all                   receive-pack 2, index-pack 1 and pack.threads more; later rev-list, 43 MiB, or a hook with
 *                                 2 children
 *   the supervisor                11 threads, 24 descriptors; 47 MiB idle, 79 MiB with 16 clones at once
 *
 * A connection takes one more descriptor, which is counted with the connections.
 */
const measured = {
  worker: {
    launcher: { processes: 1, memory: MiB / 2, descriptors: 4 },
    node: { processes: 7, memory: 12 * MiB, descriptors: 4 },
  },
  git: { processes: 1, memory: 1 * MiB, descriptors: 0 },
  fetch: { processes: 2, memory: 52 * MiB, descriptors: 0 },
  push: { processes: 2, memory: 48 * MiB, descriptors: 0 },
  hookProcesses: 3,
  /** The memory of one thread that searches for deltas. */
  window: 6 * MiB,
  /** The buffers of a request in the supervisor, and the spool file that it may read from. */
  relay: { processes: 0, memory: 2 * MiB, descriptors: 1 },
  supervisor: { processes: 11, memory: 64 * MiB, descriptors: ownDescriptors },
} as const

function more(processes: number, memory = 0): Cost {
  return { processes, memory, descriptors: 0 }
}

export function plus(...costs: readonly Cost[]): Cost {
  const sum = (resource: Resource) => costs.reduce((total, cost) => total + cost[resource], 0)
  return { processes: sum('processes'), memory: sum('memory'), descriptors: sum('descriptors') }
}

export function times(count: number, cost: Cost): Cost {
  return {
    processes: count * cost.processes,
    memory: count * cost.memory,
    descriptors: count * cost.descriptors,
  }
}

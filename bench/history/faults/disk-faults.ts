import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Member } from '@sluice/shared/testing/member'
import { childrenOf } from '@sluice/shared/testing/processes'
import { until } from '@sluice/shared/testing/until'
import { oneOf } from '../random.ts'
import { fillDisk } from './disks.ts'
import type { FaultParts } from './faults.ts'
import type { Turn } from './turn.ts'

const keys = clusterKeys('/sluice/')

/** Nothing more fits on it. Sometimes the host starts again meanwhile. */
export async function fullDisk({ cluster, random, ttl }: FaultParts, host: Member): Promise<void> {
  const what = oneOf(random, ['bytes', 'bytes', 'inodes'] as const)
  const isRestarted = random() < 0.25
  const full = await fillDisk(cluster.rootOf(host.name), what)
  let starting: Promise<void> | undefined
  try {
    await pause(ttl * random())
    if (isRestarted) await host.kill()
    starting = isRestarted ? host.start() : undefined
    // What comes of it is looked at when there is room again.
    starting?.catch(() => {})
    await pause(ttl * (0.5 + random()))
  } finally {
    await full[Symbol.asyncDispose]()
  }
  await starting?.catch(() => host.start())
}

/**
 * All that git does at a host comes to a stop, again and again, as with a disk that has too much to do. What the host itself
 * reads and writes is as fast as before.
 */
export async function slowDisk({ random, ttl }: FaultParts, host: Member): Promise<void> {
  const end = performance.now() + ttl * (1 + 2 * random())
  while (performance.now() < end) {
    const pids = await descendantsOf(host.app.pid)
    try {
      signalAll(pids, 'SIGSTOP')
      await pause(100 + 900 * random())
    } finally {
      signalAll(pids, 'SIGCONT')
    }
    await pause(100 * random())
  }
}

async function descendantsOf(pid: number): Promise<number[]> {
  const children = await childrenOf(pid)
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()]
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended.
    }
  }
}

/**
 * A host gets an empty disk in place of its own. Others must have all that it has, or it would be a loss that nobody can do
 * anything about. So nothing else goes wrong until it has started.
 */
export async function lostDisk(parts: FaultParts, turn: Turn): Promise<void | false> {
  if (!(await turn.isAlone())) return false
  const { cluster, coordinator, random, ttl } = parts
  await cluster.ready()
  const host = turn.host()
  if (!host) return false
  const isKept = await until('others to have all', () => othersHaveAll(coordinator, host.name)).catch(() => false)
  if (!isKept) return false
  await host.kill()
  // What it has sent to etcd has come there.
  await pause(1000)
  const isLost = await othersHaveAll(coordinator, host.name).catch(() => false)
  if (isLost) await empty(cluster.rootOf(host.name))
  if (random() < 0.5) await pause(ttl * 2 * random())
  await host.start()
  if (!isLost) return false
}

/** Whether each slot that a host has in sync is in sync elsewhere, too. */
async function othersHaveAll(coordinator: Coordinator, host: string): Promise<boolean> {
  const { entries } = await coordinator.read(keys.slots)
  return entries.every(({ value, revision }) => {
    const inSync = readSlotRecord(value, revision)?.inSync ?? []
    return !inSync.includes(host) || inSync.length > 1
  })
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
}

import { addAbortListener } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { HostTable, KnownHost } from '../member/host-table.ts'
import type { Registration } from '../member/registration.ts'
import type { SlotTable } from '../table/slot-table.ts'

export type LeavingServices = {
  readonly name: string
  readonly storage: ClusterFormat['storage']
  readonly registration: Pick<Registration, 'lease' | 'beginLeaving'>
  readonly table: SlotTable
  readonly hosts: HostTable
  readonly log: Logger
}

const lookEveryMs = 50

/**
 * Tells the balancer that this host is about to stop, and goes on serving until it has handed over all slots that it is the
 * primary of and that another host can take: with storage of its own, one that has a copy in sync. Never fails: whatever it
 * still has then is taken over when its lease is given back.
 *
 * @param timeoutMs for all of it @param hurry cuts it short
 */
export async function leaveCluster(services: LeavingServices, timeoutMs: number, hurry: AbortSignal): Promise<void> {
  const { registration, log, name } = services
  const since = performance.now()
  const why = (): string | undefined => {
    if (hurry.aborted) return 'it is to hurry'
    if (registration.lease?.isLive !== true) return 'its lease is not live'
    if (slotsOf(services).movable === 0) return 'no other host can take them'
    return performance.now() - since > timeoutMs ? 'SLUICE_DRAIN_TIMEOUT is over' : undefined
  }
  try {
    if (why() !== undefined) return
    await unlessHurried(registration.beginLeaving(), hurry)
    if (hurry.aborted) return
    log.info({ host: name, slots: slotsOf(services).movable }, 'leaves the cluster: hands its slots over')
    while (why() === undefined) await pause(lookEveryMs)
  } catch (err) {
    log.warn({ err }, 'the cluster could not be told that this host is about to stop')
  } finally {
    const { all: left } = slotsOf(services)
    const ms = Math.round(performance.now() - since)
    // Where all stop, nobody is to take them.
    const level = isAlone(services) ? 'info' : 'warn'
    if (left > 0) log[level]({ host: name, slots: left, why: why(), ms }, 'stops with slots that were not handed over')
    else log.info({ host: name, ms }, 'has handed all slots over')
  }
}

/** Waits for work that goes on where nobody waits any more: etcd may not answer for a while. */
async function unlessHurried(work: Promise<void>, hurry: AbortSignal): Promise<void> {
  const { promise: hurried, resolve } = Promise.withResolvers<void>()
  using _listening = addAbortListener(hurry, () => resolve())
  await Promise.race([work, hurried])
}

/** How many slots this host is the primary of, and how many of them another host can take. */
function slotsOf({ table, hosts, storage, name }: LeavingServices): { readonly all: number; readonly movable: number } {
  const takers = new Set([...hosts.all.keys()].filter((other) => other !== name && takesSlots(hosts.get(other))))
  const count = { all: 0, movable: 0 }
  for (const [, { primary, inSync }] of table) {
    if (primary !== name) continue
    count.all++
    if (storage === 'shared' ? takers.size > 0 : inSync.some((host) => takers.has(host))) count.movable++
  }
  return count
}

function isAlone({ hosts, name }: LeavingServices): boolean {
  return hosts.all.entries().every(([other, { record }]) => other === name || record.isLeaving)
}

function takesSlots(host: KnownHost | undefined): boolean {
  return host !== undefined && !host.record.isLeaving && host.record.weight > 0
}

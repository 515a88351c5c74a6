import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { HostTable } from '../member/host-table.ts'
import type { Registration } from '../member/registration.ts'
import type { SlotTable } from '../table/slot-table.ts'

export type LeavingServices = {
  readonly name: string
  readonly registration: Pick<Registration, 'lease' | 'beginLeaving'>
  readonly table: SlotTable
  readonly hosts: HostTable
  readonly log: Logger
}

const lookEveryMs = 50

/**
 * Tells the balancer that this host is about to stop, and goes on serving until it has handed over all slots that it is the
 * primary of. Never fails: whatever it still has then is taken over when its lease is given back.
 *
 * @param timeoutMs for all of it @param hurry cuts it short
 */
export async function leaveCluster(services: LeavingServices, timeoutMs: number, hurry: AbortSignal): Promise<void> {
  const { registration, log, name } = services
  const since = performance.now()
  const why = (): string | undefined => {
    if (hurry.aborted) return 'it is to hurry'
    if (registration.lease?.isLive !== true) return 'its lease is not live'
    if (!othersTakeSlots(services)) return 'no other host can take them'
    return performance.now() - since > timeoutMs ? 'SLUICE_DRAIN_TIMEOUT is over' : undefined
  }
  try {
    if (primaryOf(services) === 0 || why() !== undefined) return
    await registration.beginLeaving()
    log.info({ host: name, slots: primaryOf(services) }, 'leaves the cluster: hands its slots over')
    while (primaryOf(services) > 0 && why() === undefined) await pause(lookEveryMs)
  } catch (err) {
    log.warn({ err }, 'the cluster could not be told that this host is about to stop')
  } finally {
    const left = primaryOf(services)
    const ms = Math.round(performance.now() - since)
    if (left > 0) log.warn({ host: name, slots: left, why: why(), ms }, 'stops with slots that were not handed over')
    else log.info({ host: name, ms }, 'has handed all slots over')
  }
}

function primaryOf({ table, name }: LeavingServices): number {
  let count = 0
  for (const [, { primary }] of table) if (primary === name) count++
  return count
}

function othersTakeSlots({ hosts, name }: LeavingServices): boolean {
  return [...hosts.all].some(([other, { record }]) => other !== name && !record.isLeaving && record.weight > 0)
}

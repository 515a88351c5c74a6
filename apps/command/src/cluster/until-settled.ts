import { setTimeout as pause } from 'node:timers/promises'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'

const lookEveryMs = 500
const answersWithinMs = 10_000

/** Hosts of the same weight have their shares when none has more than a slot beyond it, or less. */
const evenWithin = 2

/**
 * Waits until each host has its share of the slots, and all of what it is to keep. No slot moves then, unless a host goes.
 *
 * @param operations where a gateway serves its operators: host:port
 * @param signal ends the wait
 * @returns the primary of a repository from then on; undefined where the wait was ended
 */
export async function untilSettled(
  operations: string,
  repository: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    const status = await clusterStatus(operations, signal)
    if (status && isSettled(status)) return status.hosts[status.slots.primaries[slotOf(repository)] ?? -1]?.name
    await pause(lookEveryMs, undefined, { signal }).catch(() => {})
  }
  return undefined
}

async function clusterStatus(operations: string, over: AbortSignal): Promise<ClusterStatus | undefined> {
  try {
    const signal = AbortSignal.any([over, AbortSignal.timeout(answersWithinMs)])
    const reply = await fetch(`http://${operations}/-/cluster.json`, { signal })
    return (await reply.json()) as ClusterStatus
  } catch {
    // The gateway may have been killed. It comes back.
    return undefined
  }
}

function isSettled({ hosts, slots }: ClusterStatus): boolean {
  const shares = hosts.map(({ primaryOf }) => primaryOf)
  return (
    slots.counts.kept === slots.primaries.length &&
    hosts.every(({ isLive, behindOf }) => isLive && behindOf === 0) &&
    Math.max(...shares) - Math.min(...shares) <= evenWithin
  )
}

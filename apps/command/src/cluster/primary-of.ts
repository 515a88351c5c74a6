import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import type { ClusterMembers } from './cluster-members.ts'
import type { KeptProcess } from './kept-process.ts'

const answersWithinMs = 10_000

/** The host that accepts the pushes of a repository now, as the first gateway says; undefined: it does not. */
export async function primaryOf(
  repository: string,
  { hosts, gateways }: Pick<ClusterMembers, 'hosts' | 'gateways'>,
): Promise<KeptProcess | undefined> {
  const url = `http://${gateways[0]!.latest.operations}/-/cluster.json`
  try {
    const reply = await fetch(url, { signal: AbortSignal.timeout(answersWithinMs) })
    const status = (await reply.json()) as ClusterStatus
    const primary = status.hosts[status.slots.primaries[slotOf(repository)]!]
    return hosts.find(({ name }) => name === primary?.name)
  } catch {
    return undefined
  }
}

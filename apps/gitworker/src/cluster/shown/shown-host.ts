import type { Lease } from '@sluice/shared/coordinator/coordinator'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { formatFaultInWords } from '@sluice/shared/placement/format'
import type { ClusterFormat, FormatFault } from '@sluice/shared/placement/format'
import { slotCount } from '@sluice/shared/placement/slot'
import type { KnownHost } from '../member/host-table.ts'
import type { SlotTable } from '../table/slot-table.ts'
import type { ClusterHostStatus } from './cluster-status.ts'

/** What is shown of a host's part in its cluster, as it is at this moment. */
export type ShownHost = {
  readonly identity: { readonly name: string; readonly zone: string; readonly weight: number }
  readonly format: ClusterFormat
  readonly formatProblem: string | undefined
  readonly address: string
  readonly lease: Lease | undefined
  readonly isLeaving: boolean
  /** For how long the lease has not been surely live, in milliseconds. */
  readonly doubtMs: number
  readonly balancer: string | undefined
  /** Hosts that have come and gone, and get no slots for a while. */
  readonly unsteady: readonly string[]
  /** How many copies must be in sync for a push to be taken. */
  readonly minInSync: number
  readonly table: SlotTable
  readonly hosts: ReadonlyMap<string, KnownHost>
  readonly handovers: { readonly done: number; readonly underWay: ReadonlySet<number> }
  readonly refused: ClusterHostStatus['refused']
}

/**
 * @param key of the format
 * @param agreed what there was when this host started
 * @param observed what there was last, and what is wrong with it now
 */
export function shownFormat(
  key: string,
  agreed: ClusterFormat,
  observed?: { readonly lastFormat: ClusterFormat | undefined; readonly formatFault: FormatFault | undefined },
): Pick<ShownHost, 'format' | 'formatProblem'> {
  const format = observed?.lastFormat ?? agreed
  const fault = observed?.formatFault
  return { format, formatProblem: fault && formatFaultInWords(key, fault, format) }
}

/** The cluster as this host sees it. */
export function viewOf({
  identity,
  format,
  formatProblem,
  lease,
  doubtMs,
  balancer,
  unsteady,
  minInSync,
  table,
  hosts,
}: ShownHost): ClusterView {
  return {
    by: { app: 'supervisor', name: identity.name },
    revision: table.revision,
    format,
    formatProblem,
    hosts: new Map([...hosts].map(([name, { record }]) => [name, record])),
    slots: table.records,
    balancer,
    awayForMs: doubtMs,
    isLive: lease?.isLive === true,
    minInSync,
    onProbation: new Set(unsteady),
  }
}

/** How this host stands in it. */
export function statusOf(shown: ShownHost): ClusterHostStatus {
  const { identity, format, address, lease, isLeaving, table, hosts, handovers, refused } = shown
  const { name, zone, weight } = identity
  return {
    name,
    address,
    zone,
    weight,
    storage: format.storage,
    isLeaving,
    lease: lease && { id: lease.id, ttlMs: lease.ttl, isLive: lease.isLive },
    revision: table.revision,
    ...slotsOf(table, name, handovers.underWay),
    handedOver: handovers.done,
    refused,
    others: [...hosts]
      .filter(([other]) => other !== name)
      .map(([other, { record }]) => ({ name: other, address: record.address, isLeaving: record.isLeaving })),
  }
}

/** What the slots of a table are to one host. */
function slotsOf(
  table: SlotTable,
  name: string,
  handingOver: ReadonlySet<number>,
): Pick<ClusterHostStatus, 'slots' | 'newestTerm'> {
  const slots = { inAll: slotCount, primary: 0, inSync: 0, handingOver: handingOver.size, withoutPrimary: slotCount }
  let newestTerm: number | undefined
  for (const [, { primary, inSync, term }] of table) {
    if (primary !== undefined) slots.withoutPrimary--
    if (inSync.includes(name)) slots.inSync++
    if (primary !== name) continue
    slots.primary++
    newestTerm = Math.max(newestTerm ?? 0, term)
  }
  return { slots, newestTerm }
}

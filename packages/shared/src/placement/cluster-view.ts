import type { ClusterFormat } from './format.ts'
import type { HostRecord } from './host-record.ts'
import type { SlotRecord } from './slot-record.ts'

/** What a host or a gateway knows of its cluster at this moment: what it has from etcd, and what it has seen itself. */
export type ClusterView = {
  /** Who knows this: a host by its name, a gateway by its address, etcd itself by those of its members. */
  readonly by: { readonly app: 'gateway' | 'supervisor' | 'etcd'; readonly name: string }
  /** The revision of the table; 0 before the first. */
  readonly revision: number
  /** Undefined before it is known. */
  readonly format: ClusterFormat | undefined
  /** In words, what is wrong with its key in etcd; undefined: nothing. */
  readonly formatProblem?: string | undefined
  /** Those that live. */
  readonly hosts: ReadonlyMap<string, HostRecord>
  /** By the number of the slot. Undefined: nobody keeps it yet. */
  readonly slots: readonly (SlotRecord | undefined)[]
  /** The host that balances; undefined: none does, or this is not known. */
  readonly balancer: string | undefined
  /** For how long etcd has not answered, in milliseconds; 0 while it answers. */
  readonly awayForMs: number
  /** What is wrong with hosts, by name, in words: as a gateway has seen it. */
  readonly troubles?: ReadonlyMap<string, string>
  /** Of a host: whether its own lease is surely live. */
  readonly isLive?: boolean
  /** How many hosts in sync a push needs, where that is known. */
  readonly minInSync?: number | undefined
  /** Hosts that have come and gone, and get no slots until they have lived for a while. */
  readonly onProbation?: ReadonlySet<string>
}

/** What is known before the first answer of etcd. */
export function nothingKnown(by: ClusterView['by']): ClusterView {
  return {
    by,
    revision: 0,
    format: undefined,
    hosts: new Map(),
    slots: [],
    balancer: undefined,
    awayForMs: 0,
  }
}

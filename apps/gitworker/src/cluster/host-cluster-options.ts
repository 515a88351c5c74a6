import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { HostIdentity } from './member/host-identity.ts'
import type { ClusterMetrics } from './shown/cluster-metrics.ts'

export type HostClusterOptions = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly identity: HostIdentity
  readonly format: ClusterFormat
  /** Whether somebody has set the number of copies in `format`. */
  readonly areCopiesChosen: boolean
  /** How many copies must be in sync for a push to be taken. */
  readonly minInSync: number
  /** Of the lease, in milliseconds. */
  readonly ttl: number
  /** For how long a slot may be closed while it is handed over, in milliseconds. */
  readonly longestHandover: number
  readonly metrics: ClusterMetrics
  readonly log: Logger
}

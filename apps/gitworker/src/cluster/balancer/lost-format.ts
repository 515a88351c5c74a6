import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { formatFaultInWords } from '@sluice/shared/placement/format'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Mandate } from './mandate.ts'
import type { ObservedCluster } from './observed/observed-cluster.ts'
import type { Troubles } from './troubles.ts'

export type LostFormatServices = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly cluster: Pick<ObservedCluster, 'formatFault' | 'lastFormat' | 'hasTable'>
  readonly troubles: Pick<Troubles, 'formatIsLost'>
  readonly log: Logger
}

/**
 * Nothing is decided while nobody knows what the cluster agrees on. A key that somebody has deleted is written again as this
 * host has seen it last. One that is damaged is left alone: another version may have written it.
 *
 * @throws {CoordinatorError}
 */
export async function mendFormat(services: LostFormatServices, mandate: Mandate): Promise<void> {
  const { coordinator, keys, cluster, troubles, log } = services
  const { formatFault, lastFormat, hasTable } = cluster
  if (formatFault === undefined) return
  const isSafe = formatFault === 'missing' && (hasTable || lastFormat?.storage === 'shared')
  if (lastFormat === undefined || !isSafe) {
    return troubles.formatIsLost(formatFaultInWords(keys.format, formatFault, lastFormat))
  }
  const value = JSON.stringify(lastFormat)
  const { isDone, revision } = await coordinator.swap([mandate.guard, { key: keys.format, expected: 0, value }])
  if (isDone)
    log.warn({ key: keys.format, value, revision }, 'balancer: the format of the cluster was gone: written again')
}

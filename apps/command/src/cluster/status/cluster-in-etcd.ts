import type { ShownCluster } from '@sluice/gitworker/administration/look/cluster-look'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import type { Entry } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import type { CoordinatorConfig } from '@sluice/shared/coordinator/open/open-coordinator'
import { clusterSummaryOf } from '@sluice/shared/placement/cluster-summary'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { formatFaultInWords, readFormat } from '@sluice/shared/placement/format'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys, slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { slotCount } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import { silentLog } from '@sluice/shared/telemetry/log'
import { CommandError } from '../../output/failure.ts'

type Config = CoordinatorConfig & { readonly minInSync: number }

/**
 * The cluster as etcd has it.
 *
 * @throws {ConfigError}; {CommandError} where etcd does not answer, or has no cluster
 */
export async function clusterInEtcd(config: Config): Promise<ShownCluster> {
  const { etcd = [], etcdPrefix } = config
  const where = etcd.join(', ')
  await using coordinator = await openCoordinator(config, silentLog)
  const keys = clusterKeys(etcdPrefix)
  const { revision, entries } = await coordinator.read(keys.prefix).catch((error: unknown): never => {
    if (!(error instanceof CoordinatorError)) throw error
    throw new CommandError(`etcd does not answer on ${where}: ${error.message} Start it, or correct SLUICE_ETCD.`, {
      cause: error,
    })
  })
  if (entries.length === 0) {
    throw new CommandError(
      `There is no cluster below ${etcdPrefix} in etcd on ${where}: no host has joined it yet, or SLUICE_ETCD_PREFIX is another one on the hosts.`,
    )
  }
  const view = viewOf(keys, entries)
  const by = { app: 'etcd', name: where } as const
  return { ...clusterSummaryOf({ ...view, by, revision, minInSync: config.minInSync }), progress: null }
}

/** What is not valid counts as missing, as for hosts and gateways. */
function viewOf(keys: ClusterKeys, entries: readonly Entry[]): Omit<ClusterView, 'by' | 'revision'> {
  const hosts = new Map<string, NonNullable<ReturnType<typeof readHostRecord>>>()
  const slots: ClusterView['slots'][number][] = Array.from({ length: slotCount }, () => undefined)
  for (const { key, value, revision } of entries) {
    const slot = slotOfKey(keys, key)
    const host = key.startsWith(keys.hosts) ? readHostRecord(value) : undefined
    if (host) hosts.set(key.slice(keys.hosts.length), host)
    if (slot !== undefined) slots[slot] = readSlotRecord(value, revision)
  }
  const valueOf = (wanted: string) => entries.find(({ key }) => key === wanted)?.value
  const written = valueOf(keys.format)
  const format = written === undefined ? undefined : readFormat(written)
  const fault = written === undefined ? 'missing' : 'foreign'
  return {
    format,
    formatProblem: format ? undefined : formatFaultInWords(keys.format, fault, undefined),
    hosts,
    slots,
    balancer: valueOf(keys.balancer),
    awayForMs: 0,
  }
}

import { randomUUID } from 'node:crypto'
import type { Registry } from 'prom-client'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import type { Address } from '@sluice/shared/network/address'
import { addClusterMetrics } from '@sluice/shared/operations/cluster-metrics'
import { clusterPages } from '@sluice/shared/operations/cluster-pages'
import { jsonPage } from '@sluice/shared/operations/operations'
import type { Pages } from '@sluice/shared/operations/operations'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'
import { version } from '@sluice/shared/version'
import { hasNoRepositories } from '../../administration/look/has-no-repositories.ts'
import { SlotForcing } from '../../cluster/force/slot-forcing.ts'
import { longestWaitFor } from '../../cluster/handover/handovers.ts'
import { HostCluster } from '../../cluster/host-cluster.ts'
import { checkFormat } from '../../cluster/member/format-agreement.ts'
import { checkClaim, claimDisk } from '../../cluster/member/claim-disk.ts'
import type { Disk } from '../../cluster/member/claim-disk.ts'
import { nameIsTaken, patiently } from '../../cluster/member/first-join.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import { ClusterMetrics } from '../../cluster/shown/cluster-metrics.ts'
import type { ClusterHostStatus } from '../../cluster/shown/cluster-status.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { addressOf, checkClusterSettings, formatOf, nameOf } from '../../config/cluster-settings.ts'
import { boot } from '../../process/process-table.ts'
import type { Part } from './startable-part.ts'

/** A host's part in its cluster, which it does not join before it listens. */
export type Cluster = Part<{
  readonly name: string
  readonly host: Pick<HostCluster, 'known' | 'inSync' | 'reads' | 'view'>
  readonly placement: Placement
  /** Undefined where all hosts have one folder. */
  readonly forcing: SlotForcing | undefined
  readonly hasJoined: boolean
  /** Why this host takes no pushes; undefined if it does. */
  readonly problem: string | undefined
  /** How this host stands in its cluster, for operators. */
  readonly status: ClusterHostStatus
  /** `/-/cluster`, as this host sees it. */
  readonly pages: Pages
  /**
   * To be called before it joins, where each host has a disk of its own.
   *
   * @throws {ConfigError} where the disk is not that of a member of this cluster
   */
  claimDisk(disk: Disk): Promise<void>
  /** @param listening where this host listens @throws {ConfigError} where another host has its name */
  join(listening: Address): Promise<void>
  /** Hands all slots over, where others can take them. @param timeoutMs at most */
  leave(timeoutMs: number, hurry: AbortSignal): Promise<void>
}>

/**
 * @param given a coordinator that is open already, which stays the caller's; else the one that the settings name
 * @returns undefined where there is one host only
 * @throws {ConfigError} where a setting does not fit, or the cluster is of another kind
 */
export async function openCluster(
  config: SupervisorConfig,
  registry: Registry,
  log: Logger,
  given?: Coordinator,
): Promise<Cluster | undefined> {
  checkClusterSettings(config)
  if (config.cluster === 'off') return undefined
  await using opened = new AsyncDisposableStack()
  const coordinator = given ?? opened.use(await openCoordinator(config, log))
  const metrics = new ClusterMetrics(registry)
  const keys = clusterKeys(config.etcdPrefix)
  const identity = {
    name: nameOf(config),
    weight: config.hostWeight,
    zone: config.hostZone ?? '',
    version,
    run: randomUUID(),
  }
  const host = opened.use(
    new HostCluster({
      coordinator,
      keys,
      identity,
      format: formatOf(config),
      areCopiesChosen: config.copies !== 'auto',
      minInSync: config.minInSync,
      ttl: config.lease,
      longestHandover: longestWaitFor(config.hostWait),
      metrics,
      log,
    }),
  )
  await host.agree()
  const self = { name: identity.name, coordinator, keys }
  metrics.show(registry, () => host.status)
  addClusterMetrics(registry, () => host.view)
  const ends = opened.move()
  return {
    name: identity.name,
    host,
    placement: host.placement,
    forcing: config.storage === 'own' ? new SlotForcing(self) : undefined,
    get hasJoined() {
      return host.hasJoined
    },
    get problem() {
      return host.problem
    },
    get status() {
      return host.status
    },
    pages: { ...clusterPages(() => host.view), '/-/cluster-host.json': () => jsonPage(200, host.status) },
    claimDisk: (disk) =>
      patiently(performance.now(), () => claimDisk({ ...self, boot: boot(), ttl: config.lease, log }, disk)),
    join: (listening) => host.join(addressOf(config, listening)),
    leave: (timeoutMs, hurry) => host.leave(timeoutMs, hurry),
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
}

/**
 * Looks whether this host could join its cluster, and writes nothing.
 *
 * @throws {ConfigError} where it could not
 * @throws {CoordinatorError} where etcd does not answer
 */
export async function checkMembership(config: SupervisorConfig, log: Logger): Promise<void> {
  checkClusterSettings(config)
  await using coordinator = await openCoordinator(config, log)
  const keys = clusterKeys(config.etcdPrefix)
  const format = (await coordinator.read(keys.format)).entries.find(({ key }) => key === keys.format)
  if (format) checkFormat(keys.format, format.value, formatOf(config))
  const name = nameOf(config)
  const own = (await coordinator.read(keys.host(name))).entries.find(({ key }) => key === keys.host(name))
  const address = own && readHostRecord(own.value)?.address
  const { root, storage } = config
  const disk = { root, isEmpty: () => hasNoRepositories(root) }
  if (storage === 'own') await checkClaim({ name, coordinator, keys }, disk)
  // One at this address is this host itself, which runs.
  if (address !== undefined && address !== addressOf(config, config.supervisor)) throw nameIsTaken(name, address)
}

import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { ToldSlot } from '@sluice/shared/placement/told-slot'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../../config/config.ts'
import { downAfter } from '../connect-host.ts'
import { openHostCredentials } from '../host-credentials.ts'
import type { CredentialsConfig } from '../host-credentials.ts'
import type { Miss, Placement } from '../placement.ts'
import { ClusterReach } from './cluster-reach.ts'
import { ClusterRoute } from './cluster-route.ts'
import { CoordinatorLook } from './coordinator-look.ts'
import { nothingSeen } from './gateway-metrics.ts'
import { HeldRequests } from './held-requests.ts'
import { KnownHosts } from './known-hosts.ts'
import { SlotTable } from './slot-table.ts'
import { TableWatch } from './table-watch.ts'
import { Tellers } from './tellers.ts'

type ClusterConfig = CredentialsConfig & Pick<GatewayConfig, 'etcdPrefix' | 'hostWait' | 'drainTimeout'>

/**
 * Begins to watch which hosts there are, and which slots they keep. Nothing is asked of the coordinator for a request.
 * Before it has answered, requests are held.
 *
 * @throws {ConfigError} where the hosts' secrets or certificates cannot be used
 */
export async function openCluster(
  config: ClusterConfig,
  coordinator: Coordinator,
  log: Logger,
): Promise<Placement & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const keys = clusterKeys(config.etcdPrefix)
  const credentials = opened.use(await openHostCredentials(config, log))
  const held = new HeldRequests()
  const bounds = { hostWait: config.hostWait, downAfter: downAfter(config) }
  const onInvalid = (key: string, revision: number) => watch.invalid(key, revision)
  const options = { credentials, downAfter: bounds.downAfter, onThere: () => held.wakeAll() }
  const hosts = opened.use(
    new KnownHosts(keys, options, {
      onInvalid,
      onChange({ name, what, address }) {
        log.info({ host: name, address }, `${name} ${what}`)
        held.wakeAll()
      },
    }),
  )
  const onWentBack = (from: number, to: number) => sayWentBack(log, from, to)
  const table = new SlotTable(keys, { onInvalid, onChange: (slot) => held.wake(slot), onWentBack })
  const look = opened.use(new CoordinatorLook(coordinator, keys, log))
  const watches = [
    { prefix: keys.hosts, take: (watched: Parameters<KnownHosts['take']>[0]) => hosts.take(watched) },
    { prefix: keys.slots, take: (watched: Parameters<SlotTable['take']>[0]) => table.take(watched) },
  ]
  const watch: TableWatch = opened.use(new TableWatch(coordinator, watches, log))
  const problem = () => problemOf(table, hosts, look, config.etcdPrefix)
  const reach = new ClusterReach({ table, hosts, look, hostWait: config.hostWait, problem })
  const isKnown = () => look.formatProblem === undefined && table.isKnown && hosts.isKnown
  const missed = { ...nothingSeen.missed }
  const isCutOff = () => look.awayForMs > 0
  const onTold = (slot: number, told: ToldSlot) => {
    // While etcd answers, the watch brings it.
    if (isCutOff()) takeTold(slot, told, table, hosts, log)
  }
  const onMissed = (how: Miss['how']) => void missed[how]++
  const tellers = new Tellers(hosts, isCutOff)
  const events = { onTold, onMissed }
  const routing = { table, hosts, held, tellers, isKnown, problem, ...events, ...bounds }
  const parts = opened.move()
  return {
    route: (wanted) => new ClusterRoute(wanted, routing),
    reach: () => reach.reach(),
    get waiting() {
      return waitingFor(held, hosts)
    },
    cluster: {
      view: (name) => viewOf(name, table, hosts, look, reach),
      get sees() {
        return { revision: table.revision, troubled: troubledOf(hosts, reach), missed }
      },
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function sayWentBack(log: Logger, from: number, to: number): void {
  log.error({ from, to }, 'etcd has gone back to an older revision: was it restored? Its table is taken as it is')
}

function waitingFor(held: HeldRequests, hosts: KnownHosts): number {
  let waiting = held.size
  for (const { presence } of hosts) waiting += presence.waiting
  return waiting
}

function troubledOf(hosts: KnownHosts, reach: ClusterReach): number {
  return [...hosts].filter((host) => reach.troubleOf(host) !== undefined).length
}

/** What a host has told, because this gateway is cut off from etcd. */
function takeTold(slot: number, told: ToldSlot, table: SlotTable, hosts: KnownHosts, log: Logger): void {
  for (const [name, host] of told.hosts) hosts.takeTold(name, host)
  if (!table.takeTold(slot, told)) return
  const { primary, term } = told.record
  log.info({ slot, host: primary, term, revision: told.revision }, 'a host has told who keeps a slot: etcd is away')
}

/** In words, why nobody can say which host keeps what; undefined where it can be said. */
function problemOf(table: SlotTable, hosts: KnownHosts, look: CoordinatorLook, prefix: string): string | undefined {
  if (look.formatProblem !== undefined) return look.formatProblem
  if (!table.isKnown || !hosts.isKnown) return look.problem ?? 'etcd has not told yet which host keeps what'
  if (hosts.size > 0 || table.records.some((record) => record !== undefined)) return undefined
  return `no host has joined the cluster below ${prefix} in etcd yet`
}

function viewOf(
  name: string,
  table: SlotTable,
  hosts: KnownHosts,
  look: CoordinatorLook,
  reach: ClusterReach,
): ClusterView {
  const records = new Map<string, HostRecord>()
  const troubles = new Map<string, string>()
  for (const host of hosts) {
    records.set(host.name, host.record)
    const trouble = reach.troubleOf(host)
    if (trouble !== undefined) troubles.set(host.name, trouble)
  }
  return {
    by: { app: 'gateway', name },
    revision: table.revision,
    format: look.format,
    formatProblem: look.formatProblem ?? look.formatIsMissing,
    hosts: records,
    slots: table.records,
    balancer: look.balancer,
    awayForMs: look.awayForMs,
    troubles,
  }
}

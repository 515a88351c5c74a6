import { writeFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import { addGatewayMetrics, nothingSeen } from '@sluice/gateway/hosts/cluster/gateway-metrics'
import { ask } from '@sluice/shared/testing/http'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { clusterMetricsText } from '@sluice/shared/testing/cluster-metrics'
import { startStack } from '@sluice/shared/testing/stack'
import { clusterHostMetricsText } from './cluster-host-metrics.ts'
import { reference, table } from './markdown.ts'

/** When an operator should act, by metric. Other metrics are for looking into things. */
const advice: Readonly<Record<string, string>> = {
  sluice_ready: '0 for a minute: look at `/readyz`.',
  sluice_requests_total: '`outcome="failed"` at all.',
  sluice_refusals_total: '`outcome="shed"` above one percent of the requests.',
  sluice_request_first_byte_seconds: 'p95 of advertisements above a second.',
  sluice_requests_under_way: 'Near the limits.',
  sluice_connections: 'Near `SLUICE_MAX_CONNECTIONS`.',
  sluice_host_waiting: 'For longer than a restart takes: look at the host.',
  sluice_client_waiting: 'Many: one client takes all it may.',
  sluice_lane_waiting: 'For minutes: too few cores.',
  sluice_lane_slots: 'Below the configured number: short of memory or processor time.',
  sluice_worker_starts_total: 'Starts that fail: short of processes or memory.',
  sluice_teardowns_total:
    'Ended by a second signal or SIGKILL: a hook or git that does not obey. `reason="hook_timeout"`: hooks that took too long after their client had left. `leftovers`: work of a hook in the background.',
  sluice_leaked_processes:
    'Above 0: act, and please report it. Nothing may outlive its request; what is found is ended.',
  sluice_disk_free_bytes: 'Less than a tenth free: make room before pushes are refused.',
  sluice_disk_free_inodes: 'Less than a tenth free: make room before pushes are refused.',
  sluice_audit_records_total: '`result="failed"` at all: these records are in the host’s log only.',
  sluice_mirror_lag_seconds: 'Far above the interval: `sluice mirror list` says why.',
  sluice_event_lag_seconds: 'For minutes: `sluice events list` says what a receiver has not taken.',
  sluice_events_parked: 'Above 0: `sluice events list --failed` says what, and `resend` sends it again.',
  sluice_events_dropped_total: 'At all: a receiver will not be told of these. `SLUICE_EVENTS_SIZE` is too small.',
  sluice_cluster_copies:
    '`state="failed"` at all: `/-/cluster-host.json` of that host says why. Anything but `in_sync` for longer than a restart: a lost disk would cost more.',
  sluice_cluster_served_slots: 'Anything but `kept` for longer than a takeover: look at `/-/cluster`.',
  sluice_cluster_troubled_hosts:
    'Above 0 for a minute: `/-/cluster` of that gateway says what is wrong with which host.',
  sluice_cluster_missed_attempts_total:
    '`why="misplaced"` all the time: a host or a gateway does not reach etcd. `why="failed"`: look at the host’s log.',
  sluice_cluster_format_known: '0: no slot gets another host. `/-/cluster` of a host says what to do.',
  sluice_cluster_etcd_away_seconds: 'Longer than `SLUICE_LEASE`: pushes have stopped. Look at etcd.',
  sluice_cluster_lease_live:
    '0 for longer than `SLUICE_LEASE`: the host takes no pushes. Look at its log, and at etcd.',
  sluice_cluster_refused_total: '`reason="no_lease"` or `"term_over"` at all; `"misplaced"` for minutes.',
  sluice_ahead_bytes: 'Near `SLUICE_FETCH_AHEAD` for long: slow clients hold slots again.',
}

type Metric = { readonly name: string; readonly help: string; readonly type: string; readonly apps: string[] }

/** `docs/reference/metrics.md`: Sluice's own metrics, as both applications serve them. */
export async function metricsReference(): Promise<string> {
  const metrics = await servedMetrics()
  const unknown = Object.keys(advice).filter((name) => !metrics.has(name))
  if (unknown.length > 0) throw new Error(`There is advice for metrics that are not served: ${unknown.join(', ')}`)
  const rows = [...metrics.values()].map(({ name, help, type, apps }) => [
    `\`${name}\``,
    type,
    apps.join(', '),
    help,
    advice[name] ?? '',
  ])
  return reference('Metrics', 'what the applications serve at /metrics', [
    'Each application serves these for Prometheus at `/metrics` on its operations address (`SLUICE_GATEWAY_OPERATIONS`, `SLUICE_SUPERVISOR_OPERATIONS`), beside the metrics of its Node process. Those that begin with `sluice_cluster_` are there in [clusters](../operate/cluster.md) only.',
    table(['metric', 'type', 'of', 'what it says', 'when to act'], rows),
  ])
}

async function servedMetrics(): Promise<ReadonlyMap<string, Metric>> {
  await using logs = await temporaryFolder()
  const mirrors = `${logs.path}/mirrors.yaml`
  await writeFile(mirrors, '')
  await using stack = await startStack({ SLUICE_AUDIT_LOG: `${logs.path}/audit.log`, SLUICE_MIRRORS_FILE: mirrors })
  const metrics = new Map<string, Metric>()
  const ofClusters = await clusterMetricsText()
  const ofGateways = await gatewayMetricsText()
  const ofClusterHosts = await clusterHostMetricsText()
  for (const app of ['gateway', 'supervisor'] as const) {
    const { body } = await ask(stack[app].operations, '/metrics')
    const bodies = [body, ofClusters, app === 'gateway' ? ofGateways : ofClusterHosts]
    for (const [, name = '', help = '', type = ''] of bodies.join('\n').matchAll(ownMetric)) {
      const metric = metrics.get(name) ?? { name, help, type, apps: [] }
      metric.apps.push(app)
      metrics.set(name, metric)
    }
  }
  return metrics
}

async function gatewayMetricsText(): Promise<string> {
  const registry = new Registry()
  addGatewayMetrics(registry, () => nothingSeen)
  return await registry.metrics()
}

/** The text format of Prometheus: a line `# HELP`, then a line `# TYPE`. */
const ownMetric = /^# HELP (sluice_\w+) (.*)\n# TYPE \1 (\w+)$/gm

import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import { reference, table } from './markdown.ts'

type Metric = { readonly name: string; readonly help: string; readonly type: string; readonly apps: string[] }

/** `docs/reference/metrics.md`: Sluice's own metrics, as both applications serve them. */
export async function metricsReference(): Promise<string> {
  await using stack = await startStack()
  const metrics = new Map<string, Metric>()
  for (const app of ['gateway', 'supervisor'] as const) {
    const { body } = await ask(stack[app].operations, '/metrics')
    for (const [, name = '', help = '', type = ''] of body.matchAll(ownMetric)) {
      const metric = metrics.get(name) ?? { name, help, type, apps: [] }
      metric.apps.push(app)
      metrics.set(name, metric)
    }
  }
  const rows = [...metrics.values()].map(({ name, help, type, apps }) => [`\`${name}\``, type, apps.join(', '), help])
  return reference('Metrics', 'what the applications serve at /metrics', [
    'Each application serves these for Prometheus at `/metrics` on its operations address (`SLUICE_GATEWAY_OPERATIONS`, `SLUICE_SUPERVISOR_OPERATIONS`), beside the metrics of its Node process.',
    table(['metric', 'type', 'of', 'what it says'], rows),
  ])
}

/** The text format of Prometheus: a line `# HELP`, then a line `# TYPE`. */
const ownMetric = /^# HELP (sluice_\w+) (.*)\n# TYPE \1 (\w+)$/gm

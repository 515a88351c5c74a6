import { settings } from '@sluice/shared/config/settings'
import type { App } from '@sluice/shared/config/setting/setting'

/** `deploy/helm/sluice/values.schema.json`: what the values of the chart take. Helm refuses others. */
export function helmValuesSchema(): string {
  const properties = {
    global: { type: 'object' },
    image: group({
      repository: { type: 'string', pattern: '^[a-z0-9./:_-]+$' },
      tag: { type: 'string', pattern: '^[A-Za-z0-9._-]*$' },
      pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
      pullSecrets: { type: 'array', items: objectName },
    }),
    namePrefix: { type: ['string', 'null'], pattern: '^([a-z][a-z0-9-]*)?$', maxLength: 40 },
    hostSecret: objectName,
    access: group({
      mode: { enum: ['file', 'jwt', 'forward', 'open'] },
      secret: optionalName,
      rules: { type: ['object', 'null'] },
    }),
    tlsSecret: optionalName,
    gateway: group({
      replicas: { type: 'integer', minimum: 1 },
      autoscaling: group({
        enabled: { type: 'boolean' },
        minReplicas: { type: 'integer', minimum: 1 },
        maxReplicas: { type: 'integer', minimum: 1 },
        cpuPercent: { type: 'integer', minimum: 1, maximum: 100 },
      }),
      minAvailable: { type: 'integer', minimum: 0 },
      drainDelaySeconds: seconds,
      drainTimeoutSeconds: seconds,
      settings: settingsOf('gateway'),
      ...pod,
    }),
    service: group({
      type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
      port: { type: 'integer', minimum: 1, maximum: 65_535 },
      annotations: texts,
    }),
    ingress: group({
      enabled: { type: 'boolean' },
      className: optionalName,
      host: { type: 'string', pattern: '^(\\*\\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' },
      tlsSecret: optionalName,
      annotations: texts,
    }),
    cluster: group({
      enabled: { type: 'boolean' },
      hosts: { type: 'integer', minimum: 1, maximum: 100 },
      etcd: { type: 'array', items: { type: 'string', pattern: '^https?://[^/?#@,]+$' } },
      etcdUser: { type: 'string' },
      etcdSecret: optionalName,
      storage: { enum: ['shared', 'own'] },
    }),
    host: group({
      drainTimeoutSeconds: seconds,
      settings: settingsOf('supervisor'),
      storage: group({
        size: { type: 'string', pattern: '^[1-9][0-9]*(Mi|Gi|Ti)$' },
        className: optionalName,
        accessMode: { enum: ['ReadWriteOnce', 'ReadWriteOncePod'] },
      }),
      ...pod,
    }),
    networkPolicy: group({ enabled: { type: 'boolean' }, gatewayEgress: { type: 'array', items: { type: 'object' } } }),
    podMonitor: group({
      enabled: { type: 'boolean' },
      interval: { type: 'string', pattern: '^[1-9][0-9]*(ms|s|m)$' },
      labels: texts,
    }),
  }
  const schema = {
    $schema: 'https://json-schema.org/draft-07/schema#',
    title: 'Values of the chart',
    ...group(properties),
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

/** An object with these keys and no others, so that a slip of the pen is no silent default. */
function group(properties: Record<string, unknown>) {
  return { type: 'object', additionalProperties: false, properties }
}

const objectName = { type: 'string', pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' }
const optionalName = { type: 'string', pattern: '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$' }
const seconds = { type: 'integer', minimum: 0, maximum: 86_400 }
const texts = { type: 'object', additionalProperties: { type: 'string' } }
const quantities = { type: 'object', additionalProperties: { type: ['string', 'number'] } }

/** What both pods have. */
const pod = {
  resources: group({ requests: quantities, limits: quantities }),
  nodeSelector: texts,
  tolerations: { type: 'array', items: { type: 'object' } },
  podAnnotations: texts,
}

/** Values of their own say these, since the time that Kubernetes gives a pod to stop follows from them. */
const drain: readonly string[] = ['SLUICE_DRAIN_DELAY', 'SLUICE_DRAIN_TIMEOUT']

/** The variables that an application reads, with what editors show of them. */
function settingsOf(app: App) {
  const own = Object.values(settings).filter(
    ({ name, apps }) => (apps as readonly App[]).includes(app) && !drain.includes(name),
  )
  return group(
    Object.fromEntries(
      own.map(({ name, purpose, takes }) => [
        name,
        { type: ['string', 'integer', 'boolean'], description: `${purpose} Takes ${takes}.` },
      ]),
    ),
  )
}

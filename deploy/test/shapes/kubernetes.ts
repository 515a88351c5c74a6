import { z } from 'zod'

/** The part of Kubernetes' API (1.29) that the manifests use, by kind. Any other key is a mistake. */

const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
const labels = z.record(z.string(), z.string())
const metadata = z.strictObject({ name, labels: labels.optional() })
const selector = z.strictObject({ matchLabels: labels })
const quantity = z.union([z.string().regex(/^\d+(m|Mi|Gi)?$/), z.int()])
const protocol = z.enum(['TCP', 'UDP'])

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: name }),
  periodSeconds: z.int().positive(),
  failureThreshold: z.int().positive(),
  timeoutSeconds: z.number().int().min(5),
})

const containerSecurity = z.strictObject({
  allowPrivilegeEscalation: z.boolean(),
  readOnlyRootFilesystem: z.boolean(),
  capabilities: z.strictObject({ drop: z.array(z.string()) }),
})

const volumeMount = z.strictObject({ name, mountPath: z.string().startsWith('/'), readOnly: z.boolean().optional() })

const container = z.strictObject({
  name,
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  ports: z.array(z.strictObject({ name: name.max(15), containerPort: z.int().max(65_535) })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  resources: z.strictObject({ requests: z.record(z.string(), quantity), limits: z.record(z.string(), quantity) }),
  securityContext: containerSecurity,
  volumeMounts: z.array(volumeMount),
})

const initContainer = z.strictObject({
  name,
  image: z.string(),
  command: z.array(z.string()),
  resources: z.strictObject({ requests: z.record(z.string(), quantity), limits: z.record(z.string(), quantity) }),
  securityContext: containerSecurity,
  volumeMounts: z.array(volumeMount),
})

const volume = z.union([
  z.strictObject({ name, secret: z.strictObject({ secretName: name, defaultMode: z.int() }) }),
  z.strictObject({ name, emptyDir: z.strictObject({ medium: z.literal('Memory').optional(), sizeLimit: quantity }) }),
])

const pod = z.strictObject({
  automountServiceAccountToken: z.literal(false),
  enableServiceLinks: z.literal(false),
  terminationGracePeriodSeconds: z.int(),
  securityContext: z.strictObject({
    runAsNonRoot: z.boolean(),
    runAsUser: z.int().positive(),
    runAsGroup: z.int().positive(),
    fsGroup: z.int().positive(),
    fsGroupChangePolicy: z.enum(['OnRootMismatch', 'Always']).optional(),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z.array(container).length(1),
  initContainers: z.array(initContainer).optional(),
  volumes: z.array(volume),
  topologySpreadConstraints: z
    .array(
      z.strictObject({
        maxSkew: z.int().positive(),
        topologyKey: z.string(),
        whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
        labelSelector: selector,
      }),
    )
    .optional(),
})

const template = z.strictObject({ metadata: z.strictObject({ labels }), spec: pod })

const networkPorts = z.array(z.strictObject({ protocol, port: z.int().max(65_535) }))
const peers = z.array(
  z
    .strictObject({ podSelector: selector, namespaceSelector: z.strictObject({}) })
    .partial()
    .or(z.strictObject({ namespaceSelector: selector })),
)

const manifest = <V extends string, K extends string, S extends z.ZodType>(apiVersion: V, kind: K, spec: S) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, spec })

export const kinds = {
  Kustomization: z.strictObject({
    apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
    kind: z.literal('Kustomization'),
    namespace: name,
    resources: z.array(z.string()),
    images: z.array(z.strictObject({ name, newName: z.string(), newTag: z.string() })),
  }),
  Namespace: z.strictObject({ apiVersion: z.literal('v1'), kind: z.literal('Namespace'), metadata }),
  Deployment: manifest(
    'apps/v1',
    'Deployment',
    z.strictObject({
      selector,
      strategy: z.strictObject({ rollingUpdate: z.strictObject({ maxUnavailable: z.int(), maxSurge: z.int() }) }),
      template,
    }),
  ),
  StatefulSet: manifest(
    'apps/v1',
    'StatefulSet',
    z.strictObject({
      serviceName: name,
      replicas: z.literal(1),
      selector,
      template,
      volumeClaimTemplates: z.array(
        z.strictObject({
          metadata,
          spec: z.strictObject({
            accessModes: z.array(z.enum(['ReadWriteOnce', 'ReadWriteOncePod'])),
            resources: z.strictObject({ requests: z.strictObject({ storage: quantity }) }),
          }),
        }),
      ),
    }),
  ),
  Service: manifest(
    'v1',
    'Service',
    z.strictObject({
      clusterIP: z.literal('None').optional(),
      publishNotReadyAddresses: z.boolean().optional(),
      selector: labels,
      ports: z.array(z.strictObject({ name, port: z.int(), targetPort: name })),
    }),
  ),
  PodDisruptionBudget: manifest(
    'policy/v1',
    'PodDisruptionBudget',
    z.strictObject({ minAvailable: z.int().positive(), selector }),
  ),
  HorizontalPodAutoscaler: manifest(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    z.strictObject({
      scaleTargetRef: z.strictObject({ apiVersion: z.literal('apps/v1'), kind: z.literal('Deployment'), name }),
      minReplicas: z.int().min(2),
      maxReplicas: z.int(),
      metrics: z.array(
        z.strictObject({
          type: z.literal('Resource'),
          resource: z.strictObject({
            name: z.enum(['cpu', 'memory']),
            target: z.strictObject({ type: z.literal('Utilization'), averageUtilization: z.int().max(100) }),
          }),
        }),
      ),
      behavior: z.strictObject({
        scaleDown: z.strictObject({
          stabilizationWindowSeconds: z.int().max(3600),
          policies: z.array(
            z.strictObject({ type: z.enum(['Pods', 'Percent']), value: z.int(), periodSeconds: z.int().max(1800) }),
          ),
        }),
      }),
    }),
  ),
  NetworkPolicy: manifest(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    z.strictObject({
      podSelector: selector,
      policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
      ingress: z.array(z.strictObject({ from: peers.optional(), ports: networkPorts })),
      egress: z.array(z.strictObject({ to: peers, ports: networkPorts })),
    }),
  ),
} as const

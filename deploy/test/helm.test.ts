import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { z } from 'zod'
import { problemsOf } from './shapes/own-schemas.ts'

/** The chart, rendered by helm and compared with what kubectl makes of the manifests beside it. */

const project = fileURLToPath(new URL('../..', import.meta.url))
const chart = join(project, 'deploy/helm/sluice')
const isMissing = (program: string) => spawnSync(program, ['help']).error !== undefined
const skip = ['helm', 'kubectl'].some(isMissing)
  ? 'helm or kubectl is not there (deploy/test/kubernetes-tools.sh)'
  : false

/** Helm and Kubernetes read the older one. */
const yaml = { version: '1.1' } as const

const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
type Manifest = z.infer<typeof manifest>

function documents(text: string): Manifest[] {
  const all = parseAllDocuments(text, yaml).map((document) => document.toJS() as unknown)
  return all.filter((document) => document !== null).map((document) => manifest.parse(document))
}

function tryHelm(values: object, name = 'sluice') {
  const args = ['template', name, chart, '--namespace', 'sluice', '--values', '-']
  return spawnSync('helm', args, { encoding: 'utf8', input: stringify(values, undefined, yaml) })
}

function render(values: object = {}, name?: string): Manifest[] {
  const { status, stdout, stderr } = tryHelm(values, name)
  assert.equal(status, 0, stderr)
  return documents(stdout)
}

/** A manifest without what tells a release of the chart from others, and with variables by name instead of in order. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    const all = value.map(plain)
    const isEnvironment =
      value.length > 0 && value.every((one) => (one as { name?: string }).name?.startsWith('SLUICE_'))
    return isEnvironment ? all.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))) : all
  }
  if (typeof value !== 'object' || value === null) return value
  const ofTheChart = /^(helm\.sh\/chart|app\.kubernetes\.io\/(instance|version|managed-by)|imagePullPolicy)$/
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !ofTheChart.test(key))
      .map(([key, one]) => [key, plain(one)]),
  )
}

function byName(manifests: Manifest[]): Record<string, unknown> {
  return Object.fromEntries(
    manifests.map(({ metadata, ...rest }) => {
      // Helm says the namespace when it installs; labels of objects that select nothing are of no effect.
      const { namespace: _namespace, labels: _labels, ...others } = metadata
      return [`${rest.kind} ${metadata.name}`, plain({ metadata: others, ...rest })]
    }),
  )
}

test('the chart makes the same objects as the manifests', { skip }, () => {
  const kustomize = spawnSync('kubectl', ['kustomize', join(project, 'deploy/kubernetes')], { encoding: 'utf8' })
  assert.equal(kustomize.status, 0, kustomize.stderr)
  const base = documents(kustomize.stdout).filter(({ kind }) => kind !== 'Namespace')
  assert.equal(base.length, 8)
  assert.deepEqual(byName(render({ namePrefix: '' })), byName(base))
})

/** Each value that is not a size or a name, changed. */
const everything = {
  image: { repository: 'registry.example:5000/git/sluice', tag: 'v1', pullSecrets: ['registry'] },
  access: { rules: { rules: [{ repositories: '**', write: 'users' }] } },
  tlsSecret: 'git-tls',
  gateway: {
    autoscaling: { enabled: false },
    replicas: 3,
    minAvailable: 0,
    drainDelaySeconds: 20,
    drainTimeoutSeconds: 600,
    settings: { SLUICE_TRUSTED_PROXIES: '10.0.0.0/8', SLUICE_CLIENT_REQUESTS: 20 },
    nodeSelector: { pool: 'git' },
    tolerations: [{ key: 'git', operator: 'Exists' }],
    podAnnotations: { note: 'yes' },
  },
  service: { type: 'LoadBalancer', port: 443, annotations: { note: 'yes' } },
  ingress: { enabled: true, className: 'nginx', host: 'git.example.org', tlsSecret: 'git-tls' },
  host: {
    drainTimeoutSeconds: 300,
    // Without quotes, helm reads `off` as false.
    settings: { SLUICE_CREATE_ON_PUSH: false },
    storage: { size: '2Ti', className: 'fast', accessMode: 'ReadWriteOnce' },
    nodeSelector: { pool: 'disks' },
  },
  networkPolicy: { gatewayEgress: [{ ports: [{ protocol: 'TCP', port: 443 }] }] },
  podMonitor: { enabled: true, interval: '15s', labels: { release: 'prometheus' } },
}

test('whatever its values say, what the chart makes is valid by Kubernetes’ own schemas', { skip }, async () => {
  const off = { networkPolicy: { enabled: false }, gateway: { minAvailable: 0, autoscaling: { enabled: false } } }
  for (const values of [{}, everything, off, { access: { mode: 'jwt', secret: '' } }]) {
    for (const one of render(values)) {
      if (one.kind !== 'PodMonitor') assert.equal(await problemsOf(one), undefined, one.kind)
    }
  }
  assert.deepEqual(
    render(off)
      .map(({ kind }) => kind)
      .toSorted(),
    ['Deployment', 'Service', 'Service', 'StatefulSet'],
  )
})

const etcd = ['http://etcd-0.etcd:2379', 'http://etcd-1.etcd:2379']

test('a cluster has hosts that find each other, on one volume or on one each', { skip }, async () => {
  for (const storage of ['shared', 'own']) {
    const cluster = { enabled: true, hosts: 2, etcd, etcdUser: 'sluice', etcdSecret: 'etcd-user', storage }
    const objects = render({ cluster }, 'team')
    for (const one of objects) assert.equal(await problemsOf(one), undefined, one.kind)
    const made = byName(objects)
    const hosts = made['StatefulSet team-gitworker']
    const container = at(hosts, 'spec.template.spec.containers.0')
    const variables = at(container, 'env') as { name: string; value?: string }[]
    const environment = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
    assert.equal(at(hosts, 'spec.replicas'), 2)
    assert.equal(environment['SLUICE_ETCD'], etcd.join(','))
    assert.equal(environment['SLUICE_STORAGE'], storage)
    assert.equal(environment['SLUICE_HOST_ADDRESS'], '$(SLUICE_HOST_NAME).team-gitworker:9090')
    assert.equal(at(hosts, 'spec.volumeClaimTemplates') === undefined, storage === 'shared')
    assert.equal('PersistentVolumeClaim team-gitworker' in made, storage === 'shared')
    const volumes = (at(hosts, 'spec.template.spec.volumes') as { name: string }[]).map(({ name }) => name)
    for (const { name } of at(container, 'volumeMounts') as { name: string }[]) {
      assert.ok(volumes.includes(name) || (name === 'git' && storage === 'own'), name)
    }
    const ofGateway = at(made['Deployment team-gateway'], 'spec.template.spec.containers.0.env') as { name: string }[]
    assert.ok(ofGateway.every(({ name }) => name !== 'SLUICE_SUPERVISOR'))
  }
  assert.match(tryHelm({ cluster: { enabled: true } }).stderr, /cluster\.etcd must name the members of etcd/)
})

/** The value at a path of keys and indices. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value)
}

test('the values end up where they belong', { skip }, () => {
  const made = byName(render(everything, 'team'))
  const deployment = made['Deployment team-gateway']
  const container = at(deployment, 'spec.template.spec.containers.0')
  const variables = at(container, 'env') as { name: string; value: string }[]
  const environment = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
  assert.equal(at(deployment, 'spec.replicas'), 3)
  assert.equal(at(deployment, 'spec.template.spec.terminationGracePeriodSeconds'), 625)
  assert.equal(at(container, 'image'), 'registry.example:5000/git/sluice:v1')
  assert.equal(at(container, 'readinessProbe.httpGet.scheme'), 'HTTPS')
  const said = {
    SLUICE_SUPERVISOR: 'team-gitworker-0.team-gitworker:9090',
    SLUICE_DRAIN_DELAY: '20s',
    SLUICE_DRAIN_TIMEOUT: '600s',
    SLUICE_CLIENT_REQUESTS: '20',
    SLUICE_TRUSTED_PROXIES: '10.0.0.0/8',
    SLUICE_ACCESS_FILE: '/etc/sluice/rules/access.yaml',
  }
  for (const [name, value] of Object.entries(said)) assert.equal(environment[name], value, name)
  const mounts = (at(container, 'volumeMounts') as { mountPath: string }[]).map(({ mountPath }) => mountPath)
  assert.deepEqual(
    mounts.toSorted(),
    ['access', 'host', 'rules', 'tls'].map((name) => `/etc/sluice/${name}`),
  )
  assert.match(String((at(made['ConfigMap team-access-rules'], 'data') as object)['access.yaml' as never]), /'\*\*'/)
  const host = made['StatefulSet team-gitworker']
  assert.equal(at(host, 'spec.template.spec.terminationGracePeriodSeconds'), 315)
  const hostVariables = at(host, 'spec.template.spec.containers.0.env') as { name: string; value: string }[]
  assert.equal(hostVariables.find(({ name }) => name === 'SLUICE_CREATE_ON_PUSH')?.value, 'off')
  assert.deepEqual(at(host, 'spec.volumeClaimTemplates.0.spec'), {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'fast',
    resources: { requests: { storage: '2Ti' } },
  })
  const ingress = made['Ingress team-gateway']
  assert.equal(at(ingress, 'spec.rules.0.http.paths.0.backend.service.name'), 'team-gateway')
  assert.equal(Object.keys(made).filter((name) => name.startsWith('PodMonitor')).length, 2)
})

test('two releases in one namespace do not take each other’s pods', { skip }, () => {
  const [one] = render({}, 'one').filter(({ kind }) => kind === 'Deployment')
  const labels = at(one, 'spec.selector.matchLabels') as Record<string, string>
  assert.equal(labels['app.kubernetes.io/instance'], 'one')
})

test('values that do not fit are refused, in words', { skip }, () => {
  const cases: [object, RegExp][] = [
    [{ gateway: { replica: 3 } }, /'\/gateway': additional properties 'replica' not allowed/],
    [{ gateway: { replicas: 0 } }, /'\/gateway\/replicas': minimum: got 0, want 1/],
    [{ gateway: { settings: { SLUICE_DRAN: 1 } } }, /'\/gateway\/settings': additional properties 'SLUICE_DRAN'/],
    [{ host: { settings: { SLUICE_LISTEN: 'x' } } }, /'\/host\/settings': additional properties 'SLUICE_LISTEN'/],
    [{ gateway: { settings: { SLUICE_DRAIN_TIMEOUT: '9s' } } }, /additional properties 'SLUICE_DRAIN_TIMEOUT'/],
    [{ gateway: { settings: { SLUICE_CORS_ORIGINS: [] } } }, /got array, want/],
    [{ access: { mode: 'ldap' } }, /'\/access\/mode': value must be one of 'file', 'jwt', 'forward', 'open'/],
    [{ host: { storage: { size: 'large' } } }, /'\/host\/storage\/size': 'large' does not match pattern/],
    [{ hostSecret: '' }, /'\/hostSecret': '' does not match pattern/],
    [{ service: { port: 70_000 } }, /'\/service\/port': maximum: got 70,?000, want 65,?535/],
    [{ nonsense: 1 }, /additional properties 'nonsense' not allowed/],
  ]
  for (const [values, words] of cases) {
    const { status, stderr } = tryHelm(values)
    assert.equal(status, 1, JSON.stringify(values))
    assert.match(stderr, words)
  }
})

test('helm finds nothing to say against the chart', { skip }, () => {
  const { status, stdout, stderr } = spawnSync('helm', ['lint', '--strict', chart], { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})

test('image, manifests and chart have the version of the applications', async () => {
  const text = async (path: string) => readFile(join(project, path), 'utf8')
  const { version } = JSON.parse(await text('package.json')) as { version: string }
  const lines: [string, string][] = [
    ['deploy/helm/sluice/Chart.yaml', `version: ${version}\nappVersion: ${version}\n`],
    ['deploy/kubernetes/kustomization.yaml', `newTag: '${version}'`],
    ['deploy/Dockerfile', `image.version="${version}"`],
  ]
  for (const [path, line] of lines) assert.ok((await text(path)).includes(line), `${path}: ${line}`)
})

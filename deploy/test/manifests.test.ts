import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { settings } from '@sluice/shared/config/settings'
import { composeFile } from './shapes/compose.ts'
import { kinds } from './shapes/kubernetes.ts'
import { problemsOf } from './shapes/own-schemas.ts'

/** Checks the files in `deploy/` as far as possible without an engine that runs them. */

const folder = new URL('../', import.meta.url)
const read = async (name: string) => readFile(new URL(name, folder), 'utf8')

async function documentsIn(name: string): Promise<unknown[]> {
  return parseAllDocuments(await read(name), { merge: true }).map((document) => {
    assert.deepEqual(document.errors, [], name)
    return document.toJS() as unknown
  })
}

type Manifest = { [K in keyof typeof kinds]: z.infer<(typeof kinds)[K]> }[keyof typeof kinds]
type Of<K extends Manifest['kind']> = Extract<Manifest, { kind: K }>

/** The manifests, checked against the forms of their kinds. */
async function manifests(): Promise<Manifest[]> {
  const names = (await readdir(new URL('kubernetes/', folder))).filter((name) => name.endsWith('.yaml'))
  const all = await Promise.all(names.map(async (name) => documentsIn(`kubernetes/${name}`)))
  return all.flat().map((document) => {
    const { kind } = z.object({ kind: z.enum(Object.keys(kinds) as (keyof typeof kinds)[]) }).parse(document)
    return kinds[kind].parse(document)
  })
}

async function allOf<K extends Manifest['kind']>(...wanted: K[]): Promise<Of<K>[]> {
  return (await manifests()).filter((manifest): manifest is Of<K> => wanted.includes(manifest.kind as K))
}

/** Checks each value with the schema of its setting. */
function checkSettings(environment: Record<string, string>, app: 'gateway' | 'supervisor', where: string): void {
  const known = Object.values(settings)
  for (const [name, value] of Object.entries(environment)) {
    const setting = known.find((one) => one.name === name)
    assert.ok(setting, `${where}: ${name} is no setting`)
    assert.ok((setting.apps as readonly string[]).includes(app), `${where}: ${name} is not for the ${app}`)
    const result = setting.schema.safeParse(value)
    assert.ok(result.success, `${where}: ${name} does not take ${value}`)
  }
}

const secondsOf = (value: string | undefined, fallback: string) => parseInt(value ?? fallback, 10)

test('compose.yaml has the form of a compose file, and its settings exist and are valid', async () => {
  const [document] = await documentsIn('compose.yaml')
  const { services, volumes } = composeFile.parse(document)
  for (const [name, service] of Object.entries(services)) {
    for (const mount of service.volumes ?? []) {
      const [source = ''] = mount.split(':')
      assert.ok(source.startsWith('./') || source in volumes, `${name}: ${source}`)
    }
    for (const other of service.depends_on ?? []) assert.ok(other in services, `${name}: ${other}`)
    assert.ok(service.pids_limit && service.mem_limit, `${name} has limits`)
    if (!service.build) continue
    const app = service.command![0] as 'gateway' | 'supervisor'
    checkSettings(service.environment!, app, name)
    const { SLUICE_DRAIN_DELAY: delay, SLUICE_DRAIN_TIMEOUT: drain } = service.environment!
    assert.ok(secondsOf(service.stop_grace_period, '10s') > secondsOf(delay, '0s') + secondsOf(drain, '60s'))
    assert.ok(service.read_only)
  }
  // Gateways trust the address of HAProxy.
  const proxy = services['haproxy']!.networks as Record<string, { ipv4_address: string }>
  for (const name of ['gateway-1', 'gateway-2']) {
    assert.equal(services[name]!.environment!['SLUICE_TRUSTED_PROXIES'], proxy['git']!.ipv4_address)
    assert.match(await read('haproxy.cfg'), new RegExp(`server ${name} ${name}:8080`))
  }
})

test('the manifests have the forms of their kinds, and kustomization.yaml names them all', async () => {
  const [kustomization] = await allOf('Kustomization')
  const files = (await readdir(new URL('kubernetes/', folder))).filter((name) => name.endsWith('.yaml'))
  const others = files.filter((name) => name !== 'kustomization.yaml')
  assert.deepEqual(kustomization!.resources.toSorted(), others.toSorted())
  assert.equal((await manifests()).length, 10)
})

test('the manifests are valid by Kubernetes’ own schemas, which would find a mistake', async () => {
  for (const manifest of await manifests()) {
    if (manifest.kind !== 'Kustomization') assert.equal(await problemsOf(manifest), undefined, manifest.kind)
  }
  const [deployment] = await allOf('Deployment')
  const broken = structuredClone(deployment!) as { spec: object }
  Object.assign(broken.spec, { minReadySeconds: 'many' })
  assert.match(JSON.stringify(await problemsOf(broken as Manifest)), /minReadySeconds/)
})

test('the applications in the manifests are configured, bounded and restricted', async () => {
  for (const workload of await allOf('Deployment', 'StatefulSet')) {
    const pod = workload.spec.template.spec
    const container = pod.containers[0]!
    const app = container.args[0] as 'gateway' | 'supervisor'
    const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value]))
    checkSettings(environment, app, workload.metadata.name)
    const { SLUICE_DRAIN_DELAY: delay, SLUICE_DRAIN_TIMEOUT: drain } = environment
    assert.ok(pod.terminationGracePeriodSeconds > secondsOf(delay, '0s') + secondsOf(drain, '60s'))
    if (app === 'gateway') {
      const { periodSeconds, failureThreshold } = container.readinessProbe
      assert.ok(secondsOf(delay, '0s') > periodSeconds * failureThreshold, 'Open until the probes have failed.')
    }
    assert.equal(pod.securityContext.runAsNonRoot, true)
    const restricted = {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    }
    for (const one of [container, ...(pod.initContainers ?? [])]) assert.deepEqual(one.securityContext, restricted)
    assert.ok(container.resources.limits['memory'])
    // Each mount has its volume, and the volume with repositories is claimed.
    const claims = workload.kind === 'StatefulSet' ? workload.spec.volumeClaimTemplates : []
    const names = [...pod.volumes.map(({ name }) => name), ...claims.map(({ metadata }) => metadata.name)]
    for (const mount of container.volumeMounts) assert.ok(names.includes(mount.name), mount.name)
    const ports = container.ports.map(({ name }) => name)
    for (const { httpGet } of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      assert.ok(ports.includes(httpGet.port))
      assert.match(httpGet.path, /^\/(healthz|readyz)$/)
    }
  }
})

test('selectors select pods, and ports lead to ports', async () => {
  const workloads = await allOf('Deployment', 'StatefulSet')
  const portsOf = (labels: Record<string, string>) => {
    const fits = (own: Record<string, string>) => Object.entries(labels).every(([name, value]) => own[name] === value)
    const found = workloads.find(({ spec }) => fits(spec.template.metadata.labels))
    assert.ok(found, JSON.stringify(labels))
    return found.spec.template.spec.containers[0]!.ports
  }
  for (const { spec } of workloads) assert.ok(portsOf(spec.selector.matchLabels))
  for (const { spec } of await allOf('PodDisruptionBudget')) assert.ok(portsOf(spec.selector.matchLabels))
  for (const { spec } of await allOf('Service')) {
    const names = portsOf(spec.selector).map(({ name }) => name)
    for (const { targetPort } of spec.ports) assert.ok(names.includes(targetPort), targetPort)
  }
  for (const { spec } of await allOf('NetworkPolicy')) {
    const numbers = portsOf(spec.podSelector.matchLabels).map(({ containerPort }) => containerPort)
    for (const { port } of spec.ingress.flatMap((rule) => rule.ports)) assert.ok(numbers.includes(port), `${port}`)
  }
  const [gateway] = await allOf('Deployment')
  const [host] = await allOf('StatefulSet')
  const env = gateway!.spec.template.spec.containers[0]!.env
  const supervisor = env.find(({ name }) => name === 'SLUICE_SUPERVISOR')
  assert.equal(supervisor?.value, `${host!.metadata.name}-0.${host!.spec.serviceName}:9090`)
  const [scaler] = await allOf('HorizontalPodAutoscaler')
  assert.equal(scaler!.spec.scaleTargetRef.name, gateway!.metadata.name)
})

test('the image has all that the applications need, a user without rights, and a reaper as its first process', async () => {
  const text = await read('Dockerfile')
  for (const needed of [
    'packages/shared/src',
    'packages/access/src',
    'apps/gitworker/src',
    'apps/gateway/src',
    'apps/command/bin',
    'apps/command/src',
    'deploy/entrypoint.sh deploy/health.ts deploy/sluice.schema.json',
  ]) {
    assert.match(text, new RegExp(`^COPY ${needed} `, 'm'))
  }
  assert.match(text, /^RUN npm ci --omit=dev\b/m)
  assert.match(text, /^USER 10001:10001$/m)
  assert.match(text, /^ENTRYPOINT \["\/usr\/bin\/tini", "-s", "--"/m)
  assert.match(text, /^HEALTHCHECK /m)
})

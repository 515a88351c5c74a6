import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { settings } from '@sluice/shared/config/settings'

/** Renders the manifests of a cluster as `kubectl apply -k` does. */

const folder = fileURLToPath(new URL('../kubernetes-cluster', import.meta.url))
const rendered = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
const missing = rendered.error ? 'kubectl is not installed' : false

const workload = z.object({
  kind: z.enum(['Deployment', 'StatefulSet']),
  spec: z.object({
    replicas: z.int().optional(),
    volumeClaimTemplates: z.array(z.unknown()).optional(),
    template: z.object({
      spec: z.object({
        containers: z.tuple([
          z.object({
            args: z.tuple([z.enum(['gateway', 'supervisor'])]),
            env: z.array(
              z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() }),
            ),
            volumeMounts: z.array(z.object({ name: z.string() })),
          }),
        ]),
        volumes: z.array(z.looseObject({ name: z.string() })),
      }),
    }),
  }),
})

function workloads() {
  assert.equal(rendered.status, 0, rendered.stderr)
  const documents = parseAllDocuments(rendered.stdout).map((document) => document.toJS() as { kind: string })
  return documents.flatMap((document) => {
    const found = workload.safeParse(document)
    return found.success ? [found.data] : []
  })
}

test('gateways and hosts of a cluster are configured alike, with settings that exist', { skip: missing }, () => {
  const etcd = new Set<string | undefined>()
  for (const { spec } of workloads()) {
    const [{ args, env }] = spec.template.spec.containers
    for (const { name, value } of env) {
      const setting = Object.values(settings).find((one) => one.name === name)
      assert.ok(setting && (setting.apps as readonly string[]).includes(args[0]), `${name} is not for the ${args[0]}`)
      // What the kubelet fills in is no value yet.
      if (value !== undefined && !value.includes('$(')) assert.ok(setting.schema.safeParse(value).success, name)
    }
    assert.ok(env.some(({ name, value }) => name === 'SLUICE_CLUSTER' && value === 'etcd'))
    etcd.add(env.find(({ name }) => name === 'SLUICE_ETCD')?.value)
  }
  assert.equal(etcd.size, 1)
})

test('hosts of a cluster share one volume, and are named after their pods', { skip: missing }, () => {
  const hosts = workloads().find(({ kind }) => kind === 'StatefulSet')
  assert.ok(hosts)
  const { replicas, volumeClaimTemplates, template } = hosts.spec
  assert.deepEqual([replicas, volumeClaimTemplates], [3, undefined])
  const [{ env, volumeMounts }] = template.spec.containers
  const volumes = template.spec.volumes.map(({ name }) => name)
  for (const { name } of volumeMounts) assert.ok(volumes.includes(name), name)
  const names = env.map(({ name }) => name)
  assert.deepEqual(env.find(({ name }) => name === 'SLUICE_HOST_NAME')?.valueFrom, {
    fieldRef: { fieldPath: 'metadata.name' },
  })
  // The kubelet fills in only what it has met before.
  assert.ok(names.indexOf('SLUICE_HOST_NAME') < names.indexOf('SLUICE_HOST_ADDRESS'))
})

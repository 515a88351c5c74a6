import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { readConfig } from '@sluice/shared/config/read-config'
import { settingsOf } from '@sluice/shared/config/settings'

/** Whether the containers of compose-cluster.yaml find one another, and are configured with settings that exist. */

const strings = z.record(z.string(), z.string())
const service = z.looseObject({
  command: z.array(z.string()).optional(),
  environment: strings.optional(),
  volumes: z.array(z.string()),
  networks: z.union([z.array(z.string()), z.record(z.string(), z.looseObject({ ipv4_address: z.string() }))]),
  depends_on: z.array(z.string()).optional(),
})
const file = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.unknown()),
  volumes: z.record(z.string(), z.null()),
})

const text = await readFile(new URL('../compose-cluster.yaml', import.meta.url), 'utf8')
const { services, networks, volumes } = file.parse(parseDocument(text, { merge: true }).toJS())
const named = (beginning: string) => Object.entries(services).filter(([name]) => name.startsWith(beginning))
const networksOf = ({ networks: joined }: z.infer<typeof service>) =>
  Array.isArray(joined) ? joined : Object.keys(joined)

test('there are three members of etcd, three hosts and two gateways behind a balancer', () => {
  const counts = ['etcd-', 'host-', 'gateway-', 'haproxy'].map((beginning) => named(beginning).length)
  assert.deepEqual(counts, [3, 3, 2, 1])
  assert.equal(Object.keys(services).length, 9)
})

test('each application takes its settings, and all of them go to the same etcd', () => {
  const etcd = named('etcd-').map(([name]) => `http://${name}:2379`)
  for (const [name, { command, environment }] of [...named('host-'), ...named('gateway-')]) {
    const [app] = command as ['gateway' | 'supervisor']
    assert.equal(app, name.startsWith('host-') ? 'supervisor' : 'gateway')
    // It refuses settings that do not exist, or that do not fit together.
    readConfig(settingsOf(app), environment ?? {}, undefined)
    for (const variable of Object.keys(environment ?? {}))
      assert.ok(
        Object.values(settingsOf(app)).some((setting) => setting.name === variable),
        `${variable} is not for the ${app}`,
      )
    assert.deepEqual(environment?.['SLUICE_ETCD']?.split(','), etcd)
    assert.equal(environment?.['SLUICE_CLUSTER'], 'etcd')
    assert.equal(environment?.['SLUICE_HOST_SECRET_FILE'], '/etc/sluice/secret')
  }
})

test('hosts have names of their own, are found by them, and share nothing but the repositories', () => {
  const own = new Set<string>()
  for (const [name, { environment, volumes: mounted }] of named('host-')) {
    assert.equal(environment?.['SLUICE_HOST_NAME'], name)
    assert.equal(environment?.['SLUICE_HOST_ADDRESS'], `${name}:9090`)
    assert.equal(environment?.['SLUICE_STORAGE'], 'shared')
    assert.equal(mounted[0], 'repositories:/srv/git')
    const targets = mounted.slice(1).map((mount) => mount.split(':')[1])
    assert.deepEqual(targets, ['/run/sluice', '/var/spool/sluice', '/etc/sluice'])
    for (const mount of mounted.slice(1, 3)) own.add(mount.split(':')[0]!)
  }
  assert.equal(own.size, 6)
})

test('members of etcd know one another, and take what they are told', () => {
  const members = named('etcd-').map(([name]) => name)
  const help = spawnSync('etcd', ['--help'], { encoding: 'utf8' }).stdout
  for (const [name, { environment = {}, volumes: mounted }] of named('etcd-')) {
    assert.equal(environment['ETCD_NAME'], name)
    assert.equal(environment['ETCD_ADVERTISE_CLIENT_URLS'], `http://${name}:2379`)
    assert.equal(environment['ETCD_INITIAL_ADVERTISE_PEER_URLS'], `http://${name}:2380`)
    const peers = members.map((member) => `${member}=http://${member}:2380`).join(',')
    assert.equal(environment['ETCD_INITIAL_CLUSTER'], peers)
    assert.deepEqual(mounted, [`${name}:/var/lib/sluice-etcd`])
    // Where etcd is installed: each variable is a flag.
    for (const variable of help ? Object.keys(environment) : []) {
      const flag = `--${variable.slice('ETCD_'.length).toLowerCase().replaceAll('_', '-')} `
      assert.ok(help.includes(flag), flag)
    }
  }
})

test('etcd is reached by hosts and gateways only, and what is used is declared', () => {
  for (const [name, one] of Object.entries(services)) {
    assert.equal(networksOf(one).includes('cluster'), name !== 'haproxy', name)
    assert.equal(networksOf(one).includes('git'), !/^(?:etcd|host)-/.test(name), name)
    for (const used of one.depends_on ?? []) assert.ok(used in services, used)
    for (const used of networksOf(one)) assert.ok(used in networks, used)
    const mounts = one.volumes.map((mount) => mount.split(':')[0]!).filter((source) => !source.startsWith('.'))
    for (const used of mounts) assert.ok(used in volumes, used)
  }
  assert.deepEqual(networks['cluster'], { internal: true })
})

test('only the balancer is believed when it names a client', () => {
  const { networks: balancer } = services['haproxy']!
  assert.ok(!Array.isArray(balancer))
  for (const [, { environment }] of named('gateway-'))
    assert.equal(environment?.['SLUICE_TRUSTED_PROXIES'], balancer['git']?.ipv4_address)
})

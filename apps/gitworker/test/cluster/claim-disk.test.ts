import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import { slotOf } from '@sluice/shared/placement/slot'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { checkClaim, claimDisk } from '../../src/cluster/member/claim-disk.ts'
import { identityFile, termsFile, writeIdentity } from '../../src/cluster/member/disk-identity.ts'
import { keys, TestCluster } from '../support/cluster-host.ts'

async function claim(
  { operator: coordinator }: TestCluster,
  root: string,
  isEmpty: boolean,
  name = 'one',
  boot = 'first',
) {
  const services = { name, boot, coordinator, keys, ttl: 1, log: silentLog }
  await claimDisk(services, { root, isEmpty: async () => isEmpty })
}

async function inSyncOf({ operator }: TestCluster, repository: string) {
  const { entries } = await operator.read(keys.slot(slotOf(repository)))
  return readSlotRecord(entries[0]!.value, entries[0]!.revision)!.inSync
}

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message)

test('disks remember the cluster that they belong to, and another one is refused in words', async () => {
  await using cluster = new TestCluster()
  await using other = new TestCluster()
  await using folder = await temporaryFolder()
  const [one, two] = [join(folder.path, 'one'), join(folder.path, 'two')]
  await claim(cluster, one, true)
  await claim(cluster, two, false)
  assert.equal(await readFile(identityFile(one), 'utf8'), await readFile(identityFile(two), 'utf8'))
  await claim(cluster, one, false)
  await assert.rejects(claim(other, one, false), refused(/belong to the cluster \w{32}, and etcd has none/))
  await claim(other, join(folder.path, 'three'), true)
  await assert.rejects(claim(other, two, false), refused(/that of \/sluice\/id in etcd is \w{32}/))
})

test('a disk that knows a later time than etcd does is refused in words: etcd was restored', async () => {
  await using cluster = new TestCluster()
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'one')
  await claim(cluster, root, true)
  const revision = await cluster.place('project', { primary: 'one', copies: ['one'], inSync: ['one'] })
  await writeFile(termsFile(root), JSON.stringify({ 7: 1, 9: revision }))
  await claim(cluster, root, true)
  await writeFile(termsFile(root), JSON.stringify({ 7: 1, 9: revision + 1 }))
  const words = new RegExp(`knows revision ${revision + 1} of its cluster, and etcd is at ${revision}`)
  await assert.rejects(claim(cluster, root, true), refused(words))
  const services = { name: 'one', coordinator: cluster.operator, keys }
  await assert.rejects(checkClaim(services, { root, isEmpty: async () => true }), refused(words))
})

test('what can be known of a disk before a start is found without a change', async () => {
  await using cluster = new TestCluster()
  await using other = new TestCluster()
  await using folder = await temporaryFolder()
  const check = (from: TestCluster, name: string, isEmpty: boolean) =>
    checkClaim(
      { name: 'one', coordinator: from.operator, keys },
      { root: join(folder.path, name), isEmpty: async () => isEmpty },
    )
  await check(cluster, 'new', true)
  await claim(cluster, join(folder.path, 'one'), true)
  await check(cluster, 'one', false)
  await assert.rejects(check(other, 'one', false), refused(/and etcd has none/))
  await cluster.place('alone', { primary: 'one', copies: ['one', 'two'], inSync: ['one'] })
  await assert.rejects(check(cluster, 'new', true), refused(/is empty, and etcd says that this host, one, is the only/))
  await check(cluster, 'new', false)
  assert.deepEqual(await inSyncOf(cluster, 'alone'), ['one'])
  await assert.rejects(readFile(identityFile(join(folder.path, 'new'))))
})

test('a host with an empty disk is in sync of nothing, unless it alone was', async () => {
  await using cluster = new TestCluster()
  await using folder = await temporaryFolder()
  await claim(cluster, join(folder.path, 'two'), true, 'two')
  const both = ['one', 'two']
  await cluster.place('copied', { primary: 'two', copies: both, inSync: both })
  await claim(cluster, join(folder.path, 'new'), true)
  assert.deepEqual(await inSyncOf(cluster, 'copied'), ['two'])
  await cluster.place('alone', { primary: 'one', copies: both, inSync: ['one'] })
  const root = join(folder.path, 'unmounted')
  await assert.rejects(claim(cluster, root, true), refused(/is empty, and etcd says that this host, one, is the only/))
  assert.deepEqual(await inSyncOf(cluster, 'alone'), ['one'])
  // What the message says.
  const id = (await cluster.operator.read(keys.id)).entries[0]!.value
  await writeIdentity(root, id)
  await claim(cluster, root, true)
  // With repositories, it is a host from before disks had identities, or a disk that was restored.
  await cluster.place('copied', { primary: 'two', copies: both, inSync: both })
  await claim(cluster, join(folder.path, 'full'), false)
  assert.deepEqual(await inSyncOf(cluster, 'alone'), ['one'])
  assert.deepEqual(await inSyncOf(cluster, 'copied'), ['two'])
})

test('a host with an empty disk waits until another one is primary', async () => {
  await using cluster = new TestCluster()
  await using folder = await temporaryFolder()
  await claim(cluster, join(folder.path, 'two'), true, 'two')
  const both = ['one', 'two']
  await cluster.place('project', { primary: 'one', copies: both, inSync: both })
  const claiming = claim(cluster, join(folder.path, 'new'), true)
  await cluster.place('project', { primary: 'two', copies: both, inSync: both })
  await claiming
  assert.deepEqual(await inSyncOf(cluster, 'project'), ['two'])
})

test('a host whose machine has started anew is in sync of nothing that a living primary has', async () => {
  await using cluster = new TestCluster()
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'one')
  await claim(cluster, root, true)
  const two = await cluster.join('two', { storage: 'own', weight: 0, ttl: 60_000 })
  const [both, alone] = [
    ['one', 'two'],
    ['one', 'away'],
  ]
  await cluster.place('copied', { primary: 'two', copies: both, inSync: both })
  await cluster.place('alone', { primary: 'one', copies: alone, inSync: alone })
  await claim(cluster, root, false)
  assert.deepEqual(await inSyncOf(cluster, 'copied'), both)
  await claim(cluster, root, false, 'one', 'second')
  assert.deepEqual(await inSyncOf(cluster, 'copied'), ['two'])
  assert.deepEqual(await inSyncOf(cluster, 'alone'), alone)
  await cluster.place('copied', { primary: 'two', copies: both, inSync: both })
  await claim(cluster, root, false, 'one', 'second')
  assert.deepEqual(await inSyncOf(cluster, 'copied'), both)
  // The balancer makes others primary of what it had.
  await cluster.place('project', { primary: 'one', copies: both, inSync: both })
  const claiming = claim(cluster, root, false, 'one', 'third')
  await cluster.place('project', { primary: 'two', copies: both, inSync: both })
  await claiming
  assert.deepEqual(await inSyncOf(cluster, 'project'), ['two'])
  // Nobody else lives: nobody has more.
  await two[Symbol.asyncDispose]()
  await cluster.place('copied', { primary: 'two', copies: both, inSync: both })
  await claim(cluster, root, false, 'one', 'fourth')
  assert.deepEqual(await inSyncOf(cluster, 'copied'), both)
})

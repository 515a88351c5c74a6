import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** Hosts with disks of their own, a real etcd and real git: what is acknowledged survives each of them. */

async function statusOf({ app }: Member): Promise<ClusterStatus> {
  return JSON.parse((await ask(app.operations, '/-/cluster.json')).body) as ClusterStatus
}

/** Until each slot is in sync on as many hosts as there are to be, as the gateways see it. */
async function untilInSync({ gateways }: Cluster, copies: number): Promise<void> {
  for (const gateway of gateways) {
    await until(`all slots to be in sync on ${copies} hosts`, async () => {
      const { hosts, slots } = await statusOf(gateway)
      const readable = hosts.reduce((sum, host) => sum + (host.isLive ? host.readableOf : 0), 0)
      const behind = hosts.reduce((sum, { behindOf }) => sum + behindOf, 0)
      return readable === slotCount * copies && behind === 0 && slots.counts.kept === slotCount
    })
  }
}

async function primaryOf(cluster: Cluster, repository: string): Promise<Member> {
  return await until(`${repository} to have a primary`, async () => {
    const { hosts, slots } = await statusOf(cluster.gateways[0]!)
    const name = hosts[slots.primaries[slotOf(repository)]!]?.name
    return cluster.hosts.find((host) => host.name === name)
  })
}

test(
  'each acknowledged push is read from all copies, and survives the end of its host, and of the next one',
  { skip: noEtcd ?? false },
  async () => {
    await using etcd = await startEtcd()
    await using cluster = await startCluster({
      etcd: etcd.env,
      hosts: 2,
      gateways: 1,
      storage: 'own',
      env: { SLUICE_LEASE: '4s', SLUICE_CREATE_ON_PUSH: 'on', SLUICE_TRUSTED_PROXIES: '127.0.0.1' },
    })
    const [gateway] = cluster.gateways as [Member]
    await git(cluster.folder, ['init', '--quiet', 'work'])
    const work = join(cluster.folder, 'work')
    await importHistory(work, 3)
    const names = ['r', 's', 't']
    const tips = new Map<string, string>()
    const read = async (name: string, source: number) => {
      const forwarded = `http.extraHeader=X-Forwarded-For: 192.0.2.${source}`
      const from = `http://${gateway.app.address}/${name}.git`
      return (await git(work, ['-c', forwarded, 'ls-remote', from, 'refs/heads/main'])).split('\t')[0]
    }
    const push = async (name: string) => {
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', `to ${name}`])
      await git(work, ['push', '--quiet', `${cluster.url}/${name}.git`, 'HEAD:refs/heads/main'])
      tips.set(name, await git(work, ['rev-parse', 'HEAD']))
    }
    const check = async () => {
      for (const [name, tip] of tips) {
        const seen = await Promise.all([1, 2, 3].map((at) => read(name, at)))
        assert.deepEqual(new Set(seen), new Set([tip]), name)
      }
    }
    // The first pushes come while the copies catch up.
    for (const name of names) await push(name)
    await check()
    await untilInSync(cluster, 2)
    for (const name of names) await push(name)
    await check()

    // Its host is killed, and the other one has everything.
    const first = await primaryOf(cluster, 'r')
    await first.kill()
    await check()
    for (const name of names) await push(name)
    await check()
    await first.start()
    await untilInSync(cluster, 2)
    await check()

    // Now the other one, which had what the first has missed.
    const second = cluster.hosts.find(({ name }) => name !== first.name)!
    await second.kill()
    await check()
    for (const name of names) await push(name)
    await second.start()
    await untilInSync(cluster, 2)

    for (const { name } of cluster.hosts) {
      for (const repository of names) {
        const at = join(cluster.rootOf(name), `${repository}.git`)
        const { code } = await tryGit(cluster.folder, ['-C', at, 'fsck', '--strict'])
        assert.equal(code, 0, `${name} ${repository}`)
      }
    }
  },
)

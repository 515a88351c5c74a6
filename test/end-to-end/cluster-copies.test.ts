import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** Reads from several hosts on one folder, with a real etcd and real git. */

async function statusOf({ app }: Member): Promise<ClusterStatus> {
  return JSON.parse((await ask(app.operations, '/-/cluster.json')).body) as ClusterStatus
}

/** The reads of a repository that a host has logged. */
function readsBy({ app }: Member, repository: string): number {
  return app.lines.filter((line) => line['repository'] === repository && line['service'] === 'upload-pack').length
}

test(
  'reads are spread over the copies, show each push at once, and go on when a host is killed',
  { skip: noEtcd ?? false },
  async () => {
    await using etcd = await startEtcd()
    await using cluster = await startCluster({
      etcd: etcd.env,
      hosts: 3,
      gateways: 2,
      env: {
        SLUICE_LEASE: '4s',
        SLUICE_COPIES: '3',
        SLUICE_CREATE_ON_PUSH: 'on',
        SLUICE_TRUSTED_PROXIES: '127.0.0.1',
      },
    })
    const [one, two] = cluster.gateways as [Member, Member]
    const allInSync = async (member: Member) =>
      (await statusOf(member)).hosts.every(({ readableOf }) => readableOf === slotCount)
    await until('each slot to be read from all', async () => (await allInSync(one)) && (await allInSync(two)))
    await git(cluster.folder, ['init', '--quiet', 'work'])
    const work = join(cluster.folder, 'work')
    const [to, from] = [`${cluster.url}/r.git`, `http://${two.app.address}/r.git`]
    const read = async (source: number) => {
      const forwarded = `http.extraHeader=X-Forwarded-For: 192.0.2.${source}`
      return (await git(work, ['-c', forwarded, 'ls-remote', from, 'refs/heads/main'])).split('\t')[0]
    }
    const push = async (subject: string) => {
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', subject])
      await git(work, ['push', '--quiet', to, 'HEAD:refs/heads/main'])
      return await git(work, ['rev-parse', 'HEAD'])
    }
    for (let turn = 0; turn < 4; turn++) {
      const pushed = await push(`push ${turn}`)
      const seen = await Promise.all([0, 1, 2].map((at) => read(turn * 3 + at)))
      assert.deepEqual(seen, [pushed, pushed, pushed])
    }
    for (const host of cluster.hosts) await until(`${host.name} to have read`, () => readsBy(host, 'r.git') > 0)

    const { hosts, slots } = await statusOf(two)
    const primary = cluster.hosts.find(({ name }) => name === hosts[slots.primaries[slotOf('r')]!]?.name)!
    const pushed = await push('before the end of a host')
    await primary.kill()
    // Whoever was read from the primary is read from another copy, before anybody has taken over.
    assert.deepEqual(new Set(await Promise.all([0, 1, 2, 3, 4, 5].map(read))), new Set([pushed]))
    assert.notEqual(await push('to the next primary'), pushed)
    await until('the other gateway to have heard of it', async () => {
      const after = await statusOf(two)
      const live = after.hosts.filter(({ isLive }) => isLive).map(({ name }) => name)
      const next = after.hosts[after.slots.primaries[slotOf('r')]!]?.name
      return live.length === 2 && !live.includes(primary.name) && next !== undefined && live.includes(next)
    })
  },
)

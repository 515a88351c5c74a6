import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import { startCluster, turnAll } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** Members of a cluster that cannot reach each other, with a real etcd and real git. */

async function statusOf({ app }: Member): Promise<ClusterStatus> {
  return JSON.parse((await ask(app.operations, '/-/cluster.json')).body) as ClusterStatus
}

/** A repository whose slot a host is the primary of, as this member knows; undefined: it is of none. */
async function repositoryOf(host: string, member: Member): Promise<string | undefined> {
  const { hosts, slots } = await statusOf(member)
  const names = Array.from({ length: 64 }, (_, at) => `r${at}`)
  return names.find((name) => hosts[slots.primaries[slotOf(name)]!]?.name === host)
}

test(
  'a gateway that is cut off from etcd follows slots to a host that joined after that',
  { skip: noEtcd ?? false },
  async () => {
    await using etcd = await startEtcd()
    await using cluster = await startCluster({
      etcd: etcd.env,
      hosts: 1,
      cuts: true,
      env: { SLUICE_LEASE: '4s', SLUICE_CREATE_ON_PUSH: 'on' },
    })
    const [gateway] = cluster.gateways as [Member]
    turnAll(gateway.toEtcd, 'cut')
    const added = await cluster.addHost()
    const moved = await until('slots to move', () => repositoryOf(added.name, added))
    await git(cluster.folder, ['init', '--quiet', 'work'])
    const work = join(cluster.folder, 'work')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'first'])
    const url = `${cluster.url}/${moved}.git`
    await git(work, ['push', '--quiet', url, 'HEAD:refs/heads/main'])
    assert.equal(
      await git(work, ['ls-remote', url, 'refs/heads/main']),
      `${await git(work, ['rev-parse', 'HEAD'])}\trefs/heads/main`,
    )
    await gateway.app.line(({ msg, host }) => host === added.name && /has told who keeps a slot/.test(String(msg)))
    assert.match((await ask(gateway.app.operations, '/readyz')).body, /etcd has not answered/)
    turnAll(gateway.toEtcd, 'mend')
    await until('it to hear of all', async () => (await statusOf(gateway)).revision >= (await statusOf(added)).revision)
    await cluster.ready()
    await git(work, ['push', '--quiet', url, 'HEAD:refs/heads/next'])
  },
)

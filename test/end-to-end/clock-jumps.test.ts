import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'

/** Hosts and a gateway whose clocks jump by days, while those of etcd and of the kernel go on as before. */

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))
const noFakeTime = library === undefined ? 'libfaketime is not installed (Debian: libfaketime)' : undefined

const leaseMs = 1000

async function statusOf({ app }: Member): Promise<ClusterStatus> {
  return JSON.parse((await ask(app.operations, '/-/cluster.json')).body) as ClusterStatus
}

test('clocks that jump change nothing about leases and slots', { skip: noEtcd ?? noFakeTime ?? false }, async () => {
  await using folder = await temporaryFolder()
  const clock = join(folder.path, 'clock')
  await writeFile(clock, '+0')
  const env = {
    SLUICE_LEASE: `${leaseMs / 1000}s`,
    LD_PRELOAD: library!,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  await using etcd = await startEtcd()
  await using cluster = await startCluster({ etcd: etcd.env, hosts: 2, env })
  const [gateway] = cluster.gateways as [Member]
  await git(cluster.folder, ['init', '--quiet', 'work'])
  const work = join(cluster.folder, 'work')
  const push = async () => {
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
    await git(work, ['push', '--quiet', `${cluster.url}/a.git`, 'HEAD:refs/heads/main'])
  }
  await push()
  const before = await statusOf(gateway)
  const day = 86_400
  for (const jump of [day, -day, 0]) {
    await writeFile(clock, jump < 0 ? String(jump) : `+${jump}`)
    // Long enough for a lease to end, if it counted by this clock.
    const since = performance.now()
    while (performance.now() - since < 2 * leaseMs) await push()
    for (const member of [gateway, ...cluster.hosts]) {
      const status = await statusOf(member)
      const [seen, now] = [Date.parse(status.at), Date.now() + jump * 1000]
      assert.ok(Math.abs(seen - now) < (day / 2) * 1000, `its clock has jumped: ${status.at}`)
      assert.deepEqual(status.slots, before.slots)
      assert.deepEqual(status.problems, [])
    }
  }
  for (const { app } of cluster.hosts) {
    assert.equal(app.lines.filter(({ msg }) => msg === 'joined the cluster').length, 1)
    assert.deepEqual(
      app.lines.filter(({ level }) => level === 'error'),
      [],
    )
  }
})

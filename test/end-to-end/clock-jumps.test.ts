import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotCount } from '@sluice/shared/placement/slot'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** Hosts and a gateway whose clocks jump by days, while those of etcd and of the kernel go on as before. */

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))
const noFakeTime = library === undefined ? 'libfaketime is not installed (Debian: libfaketime)' : undefined

const leaseMs = 4000
const day = 86_400

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
  const before = await until('slots to be even', async () => {
    const status = await statusOf(gateway)
    const isEven = status.hosts.every(({ primaryOf }) => primaryOf === slotCount / 2)
    return isEven && status.slots.counts.kept === slotCount && status
  })
  // By a clock that jumps ahead, a lease is over at once. By one that jumps back, it is not renewed until it is over.
  for (const { jump, forMs } of [
    { jump: day, forMs: leaseMs / 2 },
    { jump: -day, forMs: 1.5 * leaseMs },
    { jump: 0, forMs: 0 },
  ]) {
    await writeFile(`${clock}.new`, jump < 0 ? String(jump) : `+${jump}`)
    await rename(`${clock}.new`, clock)
    const since = performance.now()
    do await push()
    while (performance.now() - since < forMs)
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

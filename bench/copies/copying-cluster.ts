import type { Etcd } from '@sluice/shared/testing/etcd'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { ask } from '@sluice/shared/testing/http'
import { slotOf } from '@sluice/shared/placement/slot'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { until } from '@sluice/shared/testing/until'
import { openEtcd } from '../history/open-etcd.ts'

/** Hosts with disks of their own, on an etcd that others use, too. */
export async function startCopyingCluster(
  etcd: Etcd,
  name: string,
  hosts: number,
  env: Record<string, string> = {},
): Promise<Cluster> {
  return await startCluster({
    etcd: { ...etcd.env, SLUICE_ETCD_PREFIX: `/${name}/` },
    hosts,
    storage: 'own',
    // Nothing is to be taken over only because this machine is busy.
    env: { SLUICE_LEASE: '10s', SLUICE_LOG_LEVEL: 'warn', ...env },
  })
}

/** Waits until all hosts of a cluster are in sync for a repository. */
export async function untilInSync(etcd: Etcd, name: string, hosts: number, repository: string): Promise<SlotRecord> {
  await using coordinator = await openEtcd(etcd)
  const keys = clusterKeys(`/${name}/`)
  return await until(`${name} to be in sync`, async () => {
    const [entry] = (await coordinator.read(keys.slot(slotOf(repository)))).entries
    const record = entry && readSlotRecord(entry.value, entry.revision)
    return record?.primary !== undefined && record.inSync.length === hosts && record
  })
}

/** The sum of a metric of all hosts whose labels contain a text. */
export async function metricOf({ hosts }: Cluster, metric: string, labels = ''): Promise<number> {
  const bodies = await Promise.all(hosts.map(({ app }) => ask(app.operations, '/metrics')))
  let sum = 0
  for (const { body } of bodies) {
    for (const [, found = '', value] of body.matchAll(new RegExp(`^${metric}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))) {
      if (found.includes(labels)) sum += Number(value)
    }
  }
  return sum
}

import { after, before, describe } from 'node:test'
import { openCoordinator } from '../../src/coordinator/open/open-coordinator.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { noEtcd, startEtcd } from '../../testing/etcd.ts'
import type { Etcd } from '../../testing/etcd.ts'
import { testContract } from './contract.ts'
import { configOf } from './etcd-config.ts'

for (const options of [{ tls: true }, { auth: true }]) {
  describe(`the coordinator over etcd ${JSON.stringify(options)}`, { skip: noEtcd }, () => {
    let etcd: Etcd
    let prefixes = 0
    before(async () => {
      etcd = await startEtcd(options)
    })
    after(async () => {
      await etcd[Symbol.asyncDispose]()
    })
    testContract({
      connect: async () => await openCoordinator(configOf(etcd.env), silentLog),
      newPrefix: () => `/sluice/${++prefixes}/`,
      endLease: async (id) => void (await etcd.ctl('lease', 'revoke', id)),
      compact: async (revision) => void (await etcd.ctl('compact', String(revision))),
      shortestLease: 1000,
    })
  })
}

import { pino } from 'pino'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import type { Etcd } from '@sluice/shared/testing/etcd'

/** A way of its own to an etcd under test, which nothing cuts. */
export async function openEtcd(etcd: Etcd): Promise<Coordinator> {
  const none = { etcdUser: undefined, etcdPasswordFile: undefined }
  const plain = { etcdTlsCa: undefined, etcdTlsCertificate: undefined, etcdTlsKey: undefined }
  const where = { cluster: 'etcd', etcd: etcd.members.map(({ endpoint }) => endpoint), etcdPrefix: '/sluice/' } as const
  return await openCoordinator({ ...where, ...none, ...plain }, pino({ level: 'silent' }))
}

import { EtcdCoordinator } from '../../src/coordinator/etcd/etcd-coordinator.ts'
import { openConnection } from '../../src/coordinator/etcd/members/connection.ts'
import type { Credentials } from '../../src/coordinator/etcd/members/login.ts'
import { MemberClient } from '../../src/coordinator/etcd/members/member-client.ts'
import { Members } from '../../src/coordinator/etcd/members/members.ts'
import { silentLog } from '../../src/telemetry/log.ts'

/** A coordinator that has not asked anything yet. The members are asked in this order. */
export async function coordinatorWith(
  members: readonly { readonly endpoint: string }[],
  credentials?: Credentials,
): Promise<EtcdCoordinator> {
  const connection = await openConnection({}, silentLog)
  const client = new MemberClient(connection, credentials, '/sluice/format')
  const endpoints = members.map(({ endpoint }) => endpoint)
  return new EtcdCoordinator(new Members(endpoints, client, silentLog), connection)
}

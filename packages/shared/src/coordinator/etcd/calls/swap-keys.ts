import { keep } from '../../coordinator.ts'
import type { Swap, Swapped } from '../../coordinator.ts'
import type { MemberAnswer } from '../members/member-client.ts'
import type { Members } from '../members/members.ts'
import { MemberFailure } from '../members/member-failure.ts'
import { encode } from '../members/wire.ts'
import { leaseNumber } from './etcd-lease.ts'

/** etcd itself gives up after 7 s; a leader that is lost costs it 1 to 2 s. */
const attemptMs = 5000
const totalMs = 6000

/**
 * One transaction of etcd. It is sent to another member only where it is certain that the first has not done it.
 *
 * @throws {MemberFailure} where etcd refuses
 * @throws {CoordinatorError}
 */
export async function swapKeys(members: Members, parts: readonly Swap[], signal: AbortSignal): Promise<Swapped> {
  const body = { compare: parts.flatMap(comparisonOf), success: parts.flatMap(operationOf) }
  const call = { path: '/v3/kv/txn', body, attemptMs, totalMs, isRepeatable: false }
  return await members.ask(call, swappedBy, signal)
}

function swappedBy({ value: { succeeded = false }, header: { revision } }: MemberAnswer): Swapped {
  if (typeof succeeded === 'boolean') return { isDone: succeeded, revision }
  throw new MemberFailure('away', 'it answers a transaction with something else', true)
}

/** A key that does not exist has the revision 0. */
function comparisonOf({ key, expected }: Swap): object[] {
  if (expected === undefined) return []
  return [{ key: encode(key), target: 'MOD', result: 'EQUAL', mod_revision: String(expected) }]
}

function operationOf({ key, value, lease }: Swap): object[] {
  if (value === keep) return []
  if (value === undefined) return [{ request_delete_range: { key: encode(key) } }]
  const put = { key: encode(key), value: encode(value), ...(lease && { lease: leaseNumber(lease.id) }) }
  return [{ request_put: put }]
}

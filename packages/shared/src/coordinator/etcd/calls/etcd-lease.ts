import { randomBytes } from 'node:crypto'
import type { Instant } from '../../lease/instant.ts'
import { RenewedLease } from '../../lease/renewed-lease.ts'
import { isRefusal, words } from '../members/member-failure.ts'
import type { MemberAnswer } from '../members/member-client.ts'
import type { Call, Members } from '../members/members.ts'
import { wholeNumber } from '../members/wire.ts'

const grantMs = { attemptMs: 1500, totalMs: 5000 }
const revokeMs = { attemptMs: 1000, totalMs: 2000 }

/** A lease that nobody renews is over before this part of it has passed four times: so many members may hang. */
const attemptsPerLease = 4

/**
 * Grants a lease. Its number is chosen here, so that a grant whose answer was lost can be asked for again.
 *
 * @throws {MemberFailure} where etcd refuses
 * @throws {CoordinatorError}
 */
export async function grantEtcdLease(members: Members, ttl: number, closed: AbortSignal): Promise<RenewedLease> {
  const id = newLeaseId()
  const { ttl: granted, since } = await grant(members, id, ttl, closed)
  return new RenewedLease(id, granted, since, {
    renew: (signal) => renew(members, id, granted, signal),
    revoke: async () => {
      const call = { path: '/v3/lease/revoke', body: { ID: leaseNumber(id) }, ...revokeMs, isRepeatable: true }
      await members.ask(call, () => undefined, closed)
    },
  })
}

type Granted = { readonly ttl: number; readonly since: Instant }

async function grant(members: Members, id: string, ttl: number, signal: AbortSignal): Promise<Granted> {
  const body = { ID: leaseNumber(id), TTL: String(Math.ceil(ttl / 1000)) }
  try {
    return await members.ask({ path: '/v3/lease/grant', body, ...grantMs, isRepeatable: true }, grantedBy, signal)
  } catch (error) {
    if (!isRefusal(error, words.leaseExists)) throw error
    const renewed = await renew(members, id, ttl, signal)
    if (!renewed) throw error
    return renewed
  }
}

/** @returns undefined when etcd does not know the lease */
async function renew(members: Members, id: string, ttl: number, signal: AbortSignal): Promise<Granted | undefined> {
  const call: Call = {
    path: '/v3/lease/keepalive',
    body: { ID: leaseNumber(id) },
    attemptMs: ttl / attemptsPerLease,
    totalMs: ttl,
    isRepeatable: true,
  }
  const renewed = await members.askProven(call, grantedBy, signal)
  return renewed.ttl > 0 ? renewed : undefined
}

function grantedBy({ value, since }: MemberAnswer): Granted {
  return { ttl: wholeNumber(value['TTL']) * 1000, since }
}

/** 63 random bits in hexadecimal, as `etcdctl` writes them. */
function newLeaseId(): string {
  const bits = randomBytes(8).readBigUInt64BE() >> 1n
  return (bits === 0n ? 1n : bits).toString(16)
}

/** In decimal, as the JSON gateway wants it. */
export function leaseNumber(id: string): string {
  return BigInt(`0x${id}`).toString()
}

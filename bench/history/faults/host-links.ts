import { setTimeout as pause } from 'node:timers/promises'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import { longEnough } from './faults.ts'
import type { FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import type { Turn } from './turn.ts'

/*
 * Hosts reach each other at the addresses at which gateways reach them. What a connection begins with says who has made it.
 */

/** Whether a connection is one of another host's. */
export function isOfHost(first: string): boolean {
  return first.startsWith('POST /-/copies/')
}

/** Whether a connection is one on which a primary tells a copy what to have. */
export function isFollowedFrom(first: string, primary: string): boolean {
  return first.startsWith('POST /-/copies/follow ') && isFrom(first, primary)
}

/** Neither way, it and the others hear anything of each other. */
export async function cutFromAllHosts(parts: FaultParts, turn: Turn): Promise<void | false> {
  const host = turn.host()
  return host ? await cutFrom(parts, turn, host, parts.cluster.hosts) : false
}

/** Clients can read what it has all the while. */
export async function cutFromAllButGateways(parts: FaultParts, turn: Turn): Promise<void | false> {
  const host = turn.host()
  if (!host) return false
  turnAll(host.toEtcd, 'cut')
  // Others must find out that it is gone, and that it serves no reads any more, before they acknowledge anything without it.
  const ms = parts.ttl * (2 + 2 * parts.random())
  const wasCut = await cutFrom(parts, turn, host, parts.cluster.hosts, ms)
  turnAll(host.toEtcd, 'mend')
  return wasCut
}

export async function cutFromOneHost(parts: FaultParts, turn: Turn): Promise<void | false> {
  const host = turn.host()
  const others = parts.cluster.hosts.filter((other) => other !== host)
  return host ? await cutFrom(parts, turn, host, [oneOf(parts.random, others)]) : false
}

/** Leaves out those with which something goes wrong already. */
async function cutFrom(
  parts: FaultParts,
  turn: Turn,
  host: Member,
  from: readonly Member[],
  ms = longEnough(parts),
): Promise<void | false> {
  const others = from.filter((other) => other !== host && turn.takes(other))
  if (others.length === 0) return false
  host.toHost?.cutWhere((first) => others.some(({ name }) => isFrom(first, name)))
  for (const { toHost } of others) toHost?.cutWhere((first) => isFrom(first, host.name))
  await pause(ms)
  for (const { toHost } of [host, ...others]) toHost?.mend()
}

function isFrom(first: string, host: string): boolean {
  const isNamed = ['"primary"', '"host"'].some((key) => first.includes(`${key}:"${host}"`))
  return isOfHost(first) && (isNamed || first.includes(`&copy=${host} `))
}

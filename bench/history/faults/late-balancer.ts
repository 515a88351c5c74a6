import { setTimeout as pause } from 'node:timers/promises'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { turnAll } from '@sluice/shared/testing/cluster'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import type { FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import type { Turn } from './turn.ts'

const keys = clusterKeys('/sluice/')
const lookEveryMs = 20

/** A machine that is busy may need some. */
const attempts = 4
const betweenAttemptsMs = 400

/**
 * The balancer decides that the slots of a host are taken over, since its record is gone, and what it has decided comes to
 * etcd when the host is back: a member again, and primary of the same slots. The host hears nothing of it. All of this has
 * to happen within a lease, so nothing else goes wrong meanwhile.
 *
 * @returns false where no host was back in time
 */
export async function lateBalancer(parts: FaultParts, turn: Turn): Promise<void | false> {
  if (!(await turn.isAlone())) return false
  await parts.cluster.ready()
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pair = await choose(parts)
    if (pair && (await isTakenOverLate(parts, pair))) return
    await pause(betweenAttemptsMs)
  }
  return false
}

type Pair = { readonly host: Member; readonly balancer: Member }

async function choose({ cluster, coordinator, random, primaries }: FaultParts): Promise<Pair | undefined> {
  const read = await coordinator.read(keys.balancer).catch(() => undefined)
  const balancer = cluster.hosts.find(({ name }) => name === read?.entries[0]?.value)
  const others = cluster.hosts.filter(({ name }) => name !== balancer?.name && primaries().includes(name))
  return balancer && others.length > 0 ? { host: oneOf(random, others), balancer } : undefined
}

async function isTakenOverLate(parts: FaultParts, { host, balancer }: Pair): Promise<boolean> {
  const { coordinator, ttl } = parts
  const since = performance.now()
  // What it says is held, and what it is told passes.
  turnAll(balancer.toEtcd, 'cutOutward')
  await coordinator.swap([{ key: keys.host(host.name), expected: undefined, value: undefined }]).catch(() => {})
  let isBack = false
  // Later, the balancer is none any more.
  while (!isBack && performance.now() - since < ttl * 0.7) {
    await pause(lookEveryMs)
    isBack = await isMemberAgain(parts, host)
  }
  if (isBack) turnAll(host.toEtcd, 'cut')
  turnAll(balancer.toEtcd, 'mend')
  if (!isBack) return false
  await pause(ttl)
  turnAll(host.toEtcd, 'mend')
  return true
}

/** Its record is in etcd, and it has read all slots since. */
async function isMemberAgain({ coordinator }: FaultParts, host: Member): Promise<boolean> {
  const read = await coordinator.read(keys.host(host.name)).catch(() => undefined)
  if (read?.entries.length !== 1) return false
  const reply = await ask(host.app.operations, '/-/cluster-host.json').catch(() => undefined)
  return reply !== undefined && (JSON.parse(reply.body) as { lease?: { isLive: boolean } }).lease?.isLive === true
}

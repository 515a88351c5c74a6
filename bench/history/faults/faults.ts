import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import type { Etcd } from '@sluice/shared/testing/etcd'
import type { Member } from '@sluice/shared/testing/member'
import type { History } from '../history.ts'
import { jumpingClock } from './clocks.ts'
import type { Clocks } from './clocks.ts'
import { fullDisk, lostDisk, slowDisk } from './disk-faults.ts'
import { cutFromAllButGateways, cutFromAllHosts, cutFromOneHost, isOfHost } from './host-links.ts'
import { lateBalancer } from './late-balancer.ts'
import { latePrimary } from './late-primary.ts'
import { oneOf } from '../random.ts'
import type { Turn } from './turn.ts'

export type FaultParts = {
  readonly cluster: Cluster
  readonly etcd: Etcd
  readonly coordinator: Coordinator
  readonly history: History
  readonly random: () => number
  /** Names of the hosts that have most to lose: those that clients push to. */
  readonly primaries: () => readonly string[]
  /** Of a host's lease, in milliseconds. */
  readonly ttl: number
  /** Where clocks can be set. */
  readonly clocks?: Clocks | undefined
}

/** @returns false where it could not be done now */
export type Fault = (parts: FaultParts, turn: Turn) => Promise<void | false>

const mostHosts = 4

/**
 * What goes wrong, for a while, with what a turn takes for itself. Each ends when all is well again, as far as it is
 * concerned. Those that make others take over slots come more often than others do.
 */
const faults = {
  'a host is killed, and starts again': often(
    2,
    withHost(async ({ random, ttl }, host) => {
      await host.kill()
      await pause(ttl * random() * 2)
      await host.start()
    }),
  ),
  'a host is stopped for longer than its lease': often(4, withHost(stopped)),
  'a host is cut off from etcd': often(6, withHost(cutFor((host) => host.toEtcd))),
  'a host is cut off from gateways': often(
    1,
    withHost(async (parts, { toHost }) => {
      toHost?.cutWhere((first) => !isOfHost(first))
      await pause(longEnough(parts))
      toHost?.mend()
    }),
  ),
  'a host is cut off from other hosts': often(2, cutFromAllHosts),
  'a host is cut off from etcd and other hosts': often(3, cutFromAllButGateways),
  'two hosts are cut off from each other': often(3, cutFromOneHost),
  'a host is cut off from all': often(2, withHost(cutFor((host) => [host.toHost, ...host.toEtcd]))),
  'a host leaves, and comes back': often(
    2,
    withHost(async ({ random, ttl }, host) => {
      await host.stop()
      // Sometimes others take over its copies meanwhile.
      await pause(random() < 0.5 ? random() * 1000 : ttl * (2 + random() * 3))
      await host.start()
    }),
  ),
  'the record of a host is deleted, and it is cut off': often(
    2,
    withHost(async ({ coordinator, random, ttl }, host) => {
      const key = clusterKeys('/sluice/').host(host.name)
      await coordinator.swap([{ key, expected: undefined, value: undefined }]).catch(() => {})
      await pause(random() * 250)
      turnAll(host.toEtcd, 'cut')
      await pause(ttl * (0.5 + random()))
      turnAll(host.toEtcd, 'mend')
    }),
  ),
  'the record of a host is deleted, and the balancer is late': often(6, lateBalancer),
  'a primary hears late that it is none, with pushes under way': often(4, latePrimary),
  'the disk of a host is full': often(4, withHost(fullDisk)),
  'the disk of a host is slow': often(2, withHost(slowDisk)),
  'a host loses its disk': often(2, lostDisk),
  'the clock of a host jumps': often(1, withHost(jumpingClock)),
  'the clock of a gateway jumps': often(1, withGateway(jumpingClock)),
  'a host is added': often(
    1,
    withHost(async ({ cluster, random, ttl }) => {
      if (cluster.hosts.length >= mostHosts) return false
      await cluster.addHost()
      await pause(random() * ttl)
      return undefined
    }),
  ),
  'a gateway is killed, and starts again': often(
    1,
    withGateway(async ({ random }, gateway) => {
      await gateway.kill()
      await pause(random() * 1000)
      await gateway.start()
    }),
  ),
  'a gateway is stopped': often(1, withGateway(stopped)),
  'a gateway is cut off from etcd': often(1, withGateway(cutFor((gateway) => gateway.toEtcd))),
  'a member of etcd is killed': often(
    1,
    withEtcd(async ({ etcd, random, ttl }) => {
      const member = oneOf(random, etcd.members)
      await member.kill()
      await pause(ttl * random() * 2)
      await member.start()
    }),
  ),
  'all of etcd is killed': often(
    1,
    withEtcd(async ({ etcd, random, ttl }) => {
      for (const member of etcd.members) await member.kill()
      await pause(ttl * (0.5 + random() * 1.5))
      await Promise.all(etcd.members.map((member) => member.start()))
    }),
  ),
  'the leader of etcd is stopped': often(
    1,
    withEtcd(async ({ etcd, random, ttl }) => {
      const member = oneOf(random, etcd.members)
      member.pause()
      await pause(ttl * (1 + random()))
      member.resume()
    }),
  ),
} as const satisfies Record<string, { readonly weight: number; readonly act: Fault }>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]
/** Hosts say little to each other where they share one folder. */
export const faultsOfCopies: readonly FaultName[] = [
  'a host is cut off from other hosts',
  'a host is cut off from etcd and other hosts',
  'two hosts are cut off from each other',
  'a host loses its disk',
  'a primary hears late that it is none, with pushes under way',
]
/** These need `mountDisk`. */
export const faultsOfDisks: readonly FaultName[] = ['the disk of a host is full']
/** These need `clocks`. */
export const faultsOfClocks: readonly FaultName[] = ['the clock of a host jumps', 'the clock of a gateway jumps']
/** @param parts of names, separated by commas; all where there are none */
export function faultsNamed(parts: string): FaultName[] {
  return faultNames.filter((name) => parts.split(',').some((part) => name.includes(part)))
}

export const faultOf = (name: FaultName): Fault => faults[name].act

/** Each name as often as it is to come, compared with the others. */
export function weighted(names: readonly FaultName[]): FaultName[] {
  return names.flatMap((name) => Array.from({ length: faults[name].weight }, () => name))
}

function often(weight: number, act: Fault) {
  return { weight, act }
}

type OfMember = (parts: FaultParts, member: Member) => Promise<void | false>

function withHost(act: OfMember): Fault {
  return async (parts, turn) => {
    const host = turn.host()
    return host ? await act(parts, host) : false
  }
}

function withGateway(act: OfMember): Fault {
  return async (parts, turn) => {
    const gateway = turn.gateway()
    return gateway ? await act(parts, gateway) : false
  }
}

function withEtcd(act: (parts: FaultParts) => Promise<void>): Fault {
  return async (parts, turn) => (turn.takes('etcd') ? await act(parts) : false)
}

async function stopped({ random, ttl, history }: FaultParts, member: Member): Promise<void> {
  const began = performance.now()
  member.pause()
  await pause(ttl * (1.3 + random()))
  const ended = performance.now()
  member.resume()
  history.paused({ host: member.name, began, ended })
}

function cutFor(waysOf: (member: Member) => Parameters<typeof turnAll>[0]): OfMember {
  return async (parts, member) => {
    const ways = waysOf(member)
    turnAll(ways, 'cut')
    await pause(longEnough(parts))
    turnAll(ways, 'mend')
  }
}

/** Mostly for longer than a lease, and what etcd and the balancer need to find another primary. Milliseconds. */
export function longEnough({ random, ttl }: FaultParts): number {
  return ttl * (random() < 0.25 ? random() : 1.5 + random())
}

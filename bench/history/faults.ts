import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Etcd } from '@sluice/shared/testing/etcd'
import type { Member } from '@sluice/shared/testing/member'
import { History } from './history.ts'
import { oneOf } from './random.ts'

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
}

/** What goes wrong, for a while, with one member. Each ends when all is well again, as far as it is concerned. */
const faults = {
  'a host is killed, and starts again': async ({ random }, host) => {
    await host.kill()
    await pause(random() * 3000)
    await host.start()
  },
  'a host is stopped for longer than its lease': stopped('host'),
  'a host is cut off from etcd': cutFor((host) => host.toEtcd),
  'a host is cut off from gateways': cutFor((host) => [host.toHost]),
  'a host is cut off from all': cutFor((host) => [host.toHost, ...host.toEtcd]),
  'a host leaves, and comes back': async ({ random }, host) => {
    await host.stop()
    await pause(random() * 1000)
    await host.start()
  },
  'the record of a host is deleted, and it is cut off': async ({ coordinator, random, ttl }, host) => {
    const key = clusterKeys('/sluice/').host(host.name)
    await coordinator.swap([{ key, expected: undefined, value: undefined }]).catch(() => {})
    await pause(random() * 250)
    turnAll(host.toEtcd, 'cut')
    await pause(ttl * (0.5 + random()))
    turnAll(host.toEtcd, 'mend')
  },
  'the record of a host is deleted, and the balancer is late': async (parts, one) => {
    const { cluster, coordinator, random, ttl, primaries } = parts
    const keys = clusterKeys('/sluice/')
    const read = await coordinator.read(keys.balancer).catch(() => undefined)
    const balancer = cluster.hosts.find(({ name }) => name === read?.entries[0]?.value)
    const others = cluster.hosts.filter(({ name }) => name !== balancer?.name && primaries().includes(name))
    const host = one === balancer ? oneOf(random, others) : one
    if (!balancer || !host) return
    // What it decides comes to etcd when the host is back, and does not hear of it.
    turnAll(balancer.toEtcd, 'cutOutward')
    await coordinator.swap([{ key: keys.host(host.name), expected: undefined, value: undefined }]).catch(() => {})
    const isBack = async () =>
      (await coordinator.read(keys.host(host.name)).catch(() => undefined))?.entries.length === 1
    for (let waits = 0; waits < 20 && !(await isBack()); waits++) await pause(50)
    await pause(ttl * 0.1)
    turnAll(host.toEtcd, 'cut')
    turnAll(balancer.toEtcd, 'mend')
    await pause(ttl)
    turnAll(host.toEtcd, 'mend')
  },
  'a host is added': async ({ cluster, random, ttl }) => {
    if (cluster.hosts.length < 4) await cluster.addHost()
    await pause(random() * ttl)
  },
  'a gateway is killed, and starts again': async ({ random }, _host, gateway) => {
    await gateway.kill()
    await pause(random() * 1000)
    await gateway.start()
  },
  'a gateway is stopped': stopped('gateway'),
  'a gateway is cut off from etcd': cutFor((_host, gateway) => gateway.toEtcd),
  'a member of etcd is killed': async ({ etcd, random, ttl }) => {
    const member = oneOf(random, etcd.members)
    await member.kill()
    await pause(ttl * random() * 2)
    await member.start()
  },
  'all of etcd is killed': async ({ etcd, random, ttl }) => {
    for (const member of etcd.members) await member.kill()
    await pause(ttl * (0.5 + random() * 1.5))
    await Promise.all(etcd.members.map((member) => member.start()))
  },
  'the leader of etcd is stopped': async ({ etcd, random, ttl }) => {
    const member = oneOf(random, etcd.members)
    member.pause()
    await pause(ttl * (1 + random()))
    member.resume()
  },
} as const satisfies Record<string, (parts: FaultParts, host: Member, gateway: Member) => Promise<void>>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]

/** What a fault needs for itself. */
function neededBy(name: FaultName): 'etcd' | 'host' | 'gateway' {
  if (name.includes('of etcd')) return 'etcd'
  return name.startsWith('a gateway') ? 'gateway' : 'host'
}

/** Lets one fault after the other happen, until the time is over. Several of these may run at once. */
export class Faults {
  readonly done = new Map<FaultName, number>()
  readonly #parts: FaultParts
  readonly #names: readonly FaultName[]
  readonly #busy = new Set<unknown>()

  constructor(parts: FaultParts, names: readonly FaultName[]) {
    this.#parts = parts
    this.#names = names
  }

  async run(over: AbortSignal, say: (line: string) => void): Promise<void> {
    const { cluster, random, primaries } = this.#parts
    while (!over.aborted) {
      await pause(300 + random() * 700)
      const name = oneOf(random, this.#names)
      const primary = oneOf(random, primaries())
      const named = random() < 0.7 ? cluster.hosts.find((one) => one.name === primary) : undefined
      const host = named ?? oneOf(random, cluster.hosts)
      const gateway = oneOf(random, cluster.gateways)
      const needs = { etcd: 'etcd', host, gateway }[neededBy(name)]
      if (this.#busy.has(needs) || over.aborted) continue
      this.#busy.add(needs)
      say(`${name} (${needs === host ? host.name : needs === gateway ? gateway.name : 'etcd'})`)
      await faults[name](this.#parts, host, gateway)
      this.#busy.delete(needs)
      this.done.set(name, (this.done.get(name) ?? 0) + 1)
    }
  }
}

type Fault = (parts: FaultParts, host: Member, gateway: Member) => Promise<void>

function stopped(kind: 'host' | 'gateway'): Fault {
  return async ({ random, ttl, history }, host, gateway) => {
    const member = kind === 'host' ? host : gateway
    const began = performance.now()
    member.pause()
    await pause(ttl * (1.3 + random()))
    const ended = performance.now()
    member.resume()
    if (kind === 'host') history.paused({ host: member.name, began, ended })
  }
}

function cutFor(waysOf: (host: Member, gateway: Member) => Parameters<typeof turnAll>[0]): Fault {
  return async ({ random, ttl }, host, gateway) => {
    const ways = waysOf(host, gateway)
    turnAll(ways, 'cut')
    await pause(ttl * (0.5 + random() * 2))
    turnAll(ways, 'mend')
  }
}

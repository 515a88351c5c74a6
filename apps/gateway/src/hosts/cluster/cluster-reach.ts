import { within } from '@sluice/shared/machine/race'
import { lookAtHost } from '../host-probe.ts'
import type { Reach } from '../placement.ts'
import type { ClusterHost } from './cluster-host.ts'
import type { CoordinatorLook } from './coordinator-look.ts'
import type { KnownHosts } from './known-hosts.ts'
import type { SlotTable } from './slot-table.ts'

/** Each look asks all hosts. However often readiness is asked for, they are not asked more often than this. */
const lookEveryMs = 1000

/** Hosts that take longer are busy, or will be found to be away: what was known of them counts until then. */
const lookWithinMs = 3000

/** More are counted only: a line has to be read. */
const mostNamed = 5

export type ReachParts = {
  readonly table: SlotTable
  readonly hosts: KnownHosts
  readonly look: Pick<CoordinatorLook, 'problem'>
  readonly hostWait: number
  /** In words, why the table cannot be used; undefined where it can. */
  readonly problem: () => string | undefined
}

/**
 * How much of the cluster this gateway reaches.
 *
 * It is ready if it can read at least half of the slots that any gateway could read, and one at least: hosts that are gone
 * for all gateways make none of them unready, since no other one would do better, and a gateway that is cut off from hosts
 * that live does become unready. A host that has been away for less than SLUICE_HOST_WAIT counts as one that will be back,
 * because requests are held that long.
 */
export class ClusterReach {
  readonly #parts: ReachParts
  /** What the last look has found to be wrong with hosts. */
  readonly #troubles = new WeakMap<ClusterHost, string>()
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined

  constructor(parts: ReachParts) {
    this.#parts = parts
  }

  async reach(): Promise<Reach> {
    const { look } = this.#parts
    const unusable = this.#parts.problem()
    const notes: Record<string, string> = look.problem === undefined ? {} : { etcd: look.problem }
    if (unusable !== undefined) return { share: 0, isEnough: false, problem: unusable, notes }
    await this.#look()
    return { ...this.#count(), problem: this.#words(), notes }
  }

  /** What is wrong with a host, as this gateway has seen it; undefined: nothing. */
  troubleOf(host: ClusterHost): string | undefined {
    const { presence, breaker } = host
    if (presence.isAway) return `it has not answered for ${Math.round(presence.awayForMs / 1000)} s`
    return breaker.isOpen ? 'its answers fail: reads go to other copies' : this.#troubles.get(host)
  }

  async #look(): Promise<void> {
    if (performance.now() - this.#lookedAt < lookEveryMs) return
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#lookedAt = performance.now()
      this.#looking = undefined
    })
    await within(lookWithinMs, this.#looking, undefined)
  }

  async #lookAtAll(): Promise<void> {
    // Those that are away are probed until they are back.
    const hosts = [...this.#parts.hosts].filter(({ presence }) => !presence.isAway)
    const looks = hosts.map(async (host) => {
      const problem = await lookAtHost(host)
      if (problem === undefined) this.#troubles.delete(host)
      else this.#troubles.set(host, problem)
    })
    await Promise.all(looks)
  }

  #count(): Pick<Reach, 'share' | 'isEnough'> {
    const { table, hosts } = this.#parts
    const serves = (name: string) => {
      const host = hosts.get(name)
      return host !== undefined && !host.presence.isAway && !this.#troubles.has(host)
    }
    let served = 0
    let readable = 0
    let possible = 0
    for (const record of table.records) {
      if (record === undefined) continue
      if (record.primary !== undefined && serves(record.primary)) served++
      if (record.inSync.some((name) => serves(name) || this.#willBeBack(name))) readable++
      if (record.inSync.some((name) => hosts.get(name) !== undefined || this.#willBeBack(name))) possible++
    }
    return { share: served / table.records.length, isEnough: readable > 0 && 2 * readable >= possible }
  }

  #willBeBack(name: string): boolean {
    const { hosts, hostWait } = this.#parts
    const host = hosts.get(name)
    if (host) return host.presence.isAway && host.presence.awayForMs < hostWait
    return performance.now() - hosts.missingSince(name) < hostWait
  }

  #words(): string | undefined {
    const { hosts, table } = this.#parts
    const named = new Set<string>()
    let isUnassigned = false
    for (const record of table.records) {
      if (record?.primary === undefined) isUnassigned = true
      else named.add(record.primary)
    }
    const problems: string[] = []
    for (const name of named) {
      const host = hosts.get(name)
      const trouble = host === undefined ? 'it is gone' : this.troubleOf(host)
      if (trouble !== undefined) problems.push(`${name}: ${trouble}`)
    }
    if (isUnassigned) problems.push('some slots have no primary')
    if (problems.length === 0) return undefined
    const more = problems.length > mostNamed ? `; and ${problems.length - mostNamed} more` : ''
    return problems.slice(0, mostNamed).join('; ') + more
  }
}

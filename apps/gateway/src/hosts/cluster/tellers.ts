import { slotCount } from '@sluice/shared/placement/slot'
import type { ClusterHost } from './cluster-host.ts'
import type { KnownHosts } from './known-hosts.ts'

/** However many requests for a slot are held, others are asked once in this time. Milliseconds. */
const askEveryMs = 1000

/**
 * Hosts that are sent requests for slots which are not theirs, as far as this gateway knows: it is cut off from etcd, and the
 * hosts that it knows to serve the slot are away. Such a host serves the request if the slot is its own by now, and otherwise
 * tells who serves it.
 */
export class Tellers {
  readonly #hosts: KnownHosts
  readonly #isCutOff: () => boolean
  /** By `performance.now()`. */
  readonly #askedAt = new Float64Array(slotCount).fill(-Infinity)
  /** Those that have turned out to serve a slot. */
  readonly #serving = new Map<number, ClusterHost>()

  constructor(hosts: KnownHosts, isCutOff: () => boolean) {
    this.#hosts = hosts
    this.#isCutOff = isCutOff
  }

  /** Any of them, because one may be cut off from etcd, too. @param except the names of those that are not worth asking */
  choose(slot: number, except: readonly string[]): ClusterHost | undefined {
    if (!this.#isCutOff()) return undefined
    const isWorthAsking = ({ name, presence }: ClusterHost) => !presence.isAway && !except.includes(name)
    const there = [...this.#hosts].filter(isWorthAsking)
    const serving = there.find((host) => host === this.#serving.get(slot))
    const now = performance.now()
    if (serving || now - this.#askedAt[slot]! < askEveryMs) return serving
    const chosen = there[Math.floor(Math.random() * there.length)]
    if (chosen) this.#askedAt[slot] = now
    return chosen
  }

  /** A host has answered a request for a slot itself. */
  serves(slot: number, host: ClusterHost): void {
    this.#serving.set(slot, host)
  }

  /** It does not, or not any more. */
  servesNot(slot: number, host: ClusterHost): void {
    if (this.#serving.get(slot) === host) this.#serving.delete(slot)
  }
}

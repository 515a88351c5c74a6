import type { Change } from '@sluice/shared/coordinator/coordinator'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import { hostName } from '@sluice/shared/placement/slot-record'
import type { Host } from '../decide/snapshot.ts'
import { HostHistory } from './host-history.ts'

/** Hosts that are gone are remembered up to so many. */
const mostRemembered = 1000

/** All hosts over time. */
export class ObservedHosts {
  readonly #hosts = new Map<string, HostHistory>()

  /** @param value undefined: its key is gone */
  see(name: string, value: Change['value'], now: number): void {
    const known = this.#hosts.get(name)
    if (value === undefined) {
      known?.lose(now)
      this.#forget(now)
    } else if (hostName.safeParse(name).success) {
      const host = known ?? new HostHistory()
      host.see(readHostRecord(value), now)
      this.#hosts.set(name, host)
    }
  }

  /** All that are there are these; the others are gone. */
  seeOnly(names: ReadonlySet<string>, now: number): void {
    for (const [name, host] of this.#hosts) if (!names.has(name)) host.lose(now)
    this.#forget(now)
  }

  at(now: number): Map<string, Host> {
    const hosts = new Map<string, Host>()
    for (const [name, history] of this.#hosts) {
      const host = history.at(now)
      if (host) hosts.set(name, host)
    }
    return hosts
  }

  changesAt(now: number): number {
    return Math.min(...[...this.#hosts.values()].map((host) => host.changesAt(now)), Infinity)
  }

  #forget(now: number): void {
    const gone = [...this.#hosts].filter(([, host]) => host.isGone)
    for (const [at, [name, host]] of gone.entries()) {
      if (host.isOver(now) || at < gone.length - mostRemembered) this.#hosts.delete(name)
    }
  }
}

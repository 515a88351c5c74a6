import type { Host } from '../decide/snapshot.ts'

/** Hosts that join one after the other for ever are not waited for. */
const longestUnrest = 5

/** Whether the hosts that get slots have been the same for a while: those that start together move slots once. */
export class Calm {
  readonly #settleMs: number
  #hosts: string | undefined
  #firstChange = 0
  #calmFrom = 0

  /** @param settleMs for how long nothing must change */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** @param now on a clock that never goes back, in milliseconds */
  see(hosts: ReadonlyMap<string, Host>, now: number): void {
    const steady = [...hosts].filter(([, { state }]) => state === 'steady')
    const lines = steady.map(([name, { weight, zone }]) => JSON.stringify([name, weight, zone]))
    const described = lines.toSorted((one, other) => (one < other ? -1 : 1)).join('\n')
    if (described === this.#hosts) return
    this.#hosts = described
    if (this.isCalm(now)) this.#firstChange = now
    this.#calmFrom = Math.min(now, this.#firstChange + (longestUnrest - 1) * this.#settleMs) + this.#settleMs
  }

  isCalm(now: number): boolean {
    return now >= this.#calmFrom
  }

  /** When it will be calm, if nothing happens. Infinity: it is. */
  changesAt(now: number): number {
    return this.isCalm(now) ? Infinity : this.#calmFrom
  }
}

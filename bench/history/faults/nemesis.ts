import { setTimeout as pause } from 'node:timers/promises'
import { faultOf, weighted } from './faults.ts'
import type { FaultName, FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import { Claims, Turn } from './turn.ts'

/** Lets one fault after the other happen, until the time is over. Several of these may run at once. */
export class Nemesis {
  readonly done = new Map<FaultName, number>()
  readonly #parts: Omit<FaultParts, 'random'>
  readonly #names: readonly FaultName[]
  readonly #claims = new Claims()
  /** By `Date.now()`. */
  readonly #spans = new Set<{ readonly began: number; ended: number }>()

  constructor(parts: Omit<FaultParts, 'random'>, names: readonly FaultName[]) {
    this.#parts = parts
    this.#names = weighted(names)
  }

  /** @param random of its own, so that the same seed chooses the same faults */
  async run(over: AbortSignal, random: () => number, say: (line: string) => void): Promise<void> {
    const parts = { ...this.#parts, random }
    while (!over.aborted) {
      await pause(200 + random() * 500)
      if (over.aborted) return
      using turn = new Turn({ ...parts, claims: this.#claims })
      const name = oneOf(random, this.#names)
      const span = { began: Date.now(), ended: Infinity }
      this.#spans.add(span)
      const wasDone = (await faultOf(name)(parts, turn)) !== false
      span.ended = Date.now()
      if (turn.isEmpty) this.#spans.delete(span)
      if (!wasDone) continue
      say(`${name}: for ${((span.ended - span.began) / 1000).toFixed(1)} s`)
      this.done.set(name, (this.done.get(name) ?? 0) + 1)
    }
  }

  /** Whether a fault was under way, or had been until a moment before, in a span of `Date.now()`. */
  wasAtWork(began: number, ended: number, settleMs: number): boolean {
    return [...this.#spans].some((span) => span.began <= ended && began <= span.ended + settleMs)
  }
}

import { addAbortListener } from 'node:events'
import PQueue from 'p-queue'
import { FairQueue } from './fair-queue.ts'
import type { Claim } from './fair-queue.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Reason } from '../refusal/reasons.ts'

export type LaneLimits = {
  readonly slots: number
  /**
   * The largest part of the slots that one repository, or one client, may hold: 0.75 is three quarters. It is one slot
   * at least.
   */
  readonly largestShare: number
  /** How many may wait. If one more comes, the last request of those who ask for the most is refused. */
  readonly queueLength: number
  /** Milliseconds. A request that has waited for longer is refused. */
  readonly queueTimeout: number
  /** The reasons for refusals: the queue is full, or the wait was too long. */
  readonly reasons: { readonly full: Reason; readonly late: Reason }
}

type Waiter = {
  readonly claim: Claim
  readonly grant: (slot: Disposable) => void
  readonly refuse: (reason: unknown) => void
}

/**
 * Slots of one kind, and the requests that wait for one.
 *
 *   waits (fair queue) ──▶ holds a slot (p-queue) ──▶ over: its slot is disposed of
 *            └──▶ refused: too many wait, it waited too long, or it has left
 *
 * The fair queue says which request is next. p-queue counts the slots that are held, and says when one comes free.
 * Nobody waits inside p-queue, and it gets no signal and no timeout: a slot is held until no process of the request's
 * worker lives, and p-queue would free it earlier.
 */
export class Lane {
  readonly limits: LaneLimits
  readonly #holders: PQueue
  readonly #waiters = new FairQueue<Waiter>()

  constructor(limits: LaneLimits) {
    this.limits = limits
    this.#holders = new PQueue({ concurrency: limits.slots })
    this.#holders.addEventListener('next', () => this.#fill())
    this.resize(limits.slots)
  }

  /** How many may run now. What runs already goes on. */
  get slots(): number {
    return this.#holders.concurrency
  }

  get running(): number {
    return this.#holders.pending
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether a request that waits could run if a slot with this claim were given back. */
  isWaitedFor(claim: Claim): boolean {
    return this.running <= this.slots && this.#waiters.couldTakeWithout(claim)
  }

  resize(slots: number): void {
    this.#waiters.mostHeld = Math.max(1, Math.floor(slots * this.limits.largestShare))
    this.#holders.concurrency = slots
    this.#fill()
  }

  /**
   * Waits for a slot. Dispose of it when everything that ran in it is over.
   *
   * @throws {Refusal} `reasons.full` at once, or when another request takes its place in the queue; or `reasons.late`
   * @throws the signal's reason, after the request has left the queue
   */
  async admit(claim: Claim, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const { promise: granted, resolve: grant, reject } = Promise.withResolvers<Disposable>()
    const refuse = (reason: unknown) => {
      this.#waiters.remove(waiter)
      reject(reason)
    }
    const waiter = { claim, grant, refuse }
    this.#waiters.add(waiter)
    this.#fill()
    // If a slot was free, as is usual, it is held by now.
    if (!this.#waiters.has(waiter)) return await granted
    const timer = setTimeout(() => refuse(new Refusal(this.limits.reasons.late)), this.limits.queueTimeout)
    using _leaving = addAbortListener(signal, () => refuse(signal.reason))
    this.#makeRoom()
    try {
      return await granted
    } finally {
      clearTimeout(timer)
    }
  }

  /** Grants the free slots, as long as a request waits that may have one. */
  #fill(): void {
    while (this.running < this.slots) {
      const waiter = this.#waiters.take()
      if (!waiter) return
      void this.#holders.add(() => this.#hold(waiter))
    }
  }

  /** Resolves when the slot is given back. */
  #hold({ claim, grant }: Waiter): Promise<void> {
    const { promise: over, resolve: release } = Promise.withResolvers<void>()
    const giveBack = () => {
      this.#waiters.giveBack(claim)
      release()
    }
    grant(once(giveBack))
    return over
  }

  #makeRoom(): void {
    if (this.waiting <= this.limits.queueLength) return
    this.#waiters.oneTooMany()?.refuse(new Refusal(this.limits.reasons.full))
  }
}

/** A slot is given back once, however often it is disposed of. */
function once(release: () => void): Disposable {
  let isHeld = true
  return {
    [Symbol.dispose]() {
      if (isHeld) release()
      isHeld = false
    },
  }
}

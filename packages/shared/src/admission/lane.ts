import PQueue from 'p-queue'
import { FairQueue } from './fair-queue.ts'
import type { Claim, ClaimOptions } from './fair-queue.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Reason } from '../refusal/refusal.ts'

export type LaneLimits = {
  readonly slots: number
  /** Which part of the slots one repository, or one client, may hold, at least one slot: 0.75 is three quarters. */
  readonly largestShare: number
  /** How many may wait. One more, and the last of those who ask for the most is refused. */
  readonly queueLength: number
  /** Milliseconds; refused after it. */
  readonly queueTimeout: number
  /** What those are refused with who cannot wait, and those who have waited too long. */
  readonly reasons: { readonly full: Reason; readonly late: Reason }
}

/**
 * Slots of one kind, and those who wait for one. A slot is held for as long as its holder keeps it, which is until nothing
 * of the request's worker lives: p-queue's own idea of a task being over (its function returned, or its signal fired) is
 * never that of a process being over.
 */
export class Lane {
  readonly limits: LaneLimits
  readonly #queue: PQueue<FairQueue, ClaimOptions>
  readonly #waiting: FairQueue
  /** How each that waits is made to leave. */
  readonly #leave = new Map<string, (reason: unknown) => void>()
  #lastId = 0

  constructor(limits: LaneLimits) {
    this.limits = limits
    const waiting = new FairQueue(Infinity)
    // p-queue makes its queue itself, without arguments; this lane has to know it.
    const queueClass = function () {
      return waiting
    } as unknown as new () => FairQueue
    this.#waiting = waiting
    this.#queue = new PQueue({ concurrency: limits.slots, queueClass })
    this.resize(limits.slots)
  }

  /** How many may run now. What runs already goes on. */
  get slots(): number {
    return this.#queue.concurrency
  }

  get running(): number {
    return this.#queue.pending
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Whether somebody waits who could run if a slot with this claim were given back. */
  isWaitedFor(claim: Claim): boolean {
    return this.running <= this.slots && this.#waiting.couldRunWithout(claim)
  }

  resize(slots: number): void {
    this.#waiting.most = Math.max(1, Math.floor(slots * this.limits.largestShare))
    this.#queue.concurrency = slots
  }

  /**
   * Waits for a slot; dispose of it when all that it stood for is over.
   *
   * @throws {Refusal} `reasons.full` (at once, or when others have more right to wait), or `reasons.late`
   * @throws the signal's reason: whoever leaves also leaves the queue
   */
  async admit(claim: Claim, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const id = String(++this.#lastId)
    const { promise: granted, resolve: grant, reject: refuse } = Promise.withResolvers<Disposable>()
    // Only for as long as it waits: aborting a task that runs would free its slot under a living process.
    const waiting = new AbortController()
    const leave = (reason: unknown) => waiting.abort(reason)
    const onAbort = () => leave(signal.reason)
    let isWaiting = true
    let timer: NodeJS.Timeout | undefined
    const stopWaiting = () => {
      isWaiting = false
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      this.#leave.delete(id)
    }

    const hold = () => {
      stopWaiting()
      this.#waiting.hold(claim)
      const { promise: over, resolve: release } = Promise.withResolvers<void>()
      grant(
        once(() => {
          this.#waiting.release(claim)
          release()
        }),
      )
      return over
    }
    const task = this.#queue.add(hold, { id, claim, signal: waiting.signal })
    task.catch((reason: unknown) => {
      stopWaiting()
      refuse(reason)
    })
    // Where there is a slot, which is most of the time, it is held by now.
    if (isWaiting) {
      timer = setTimeout(() => leave(new Refusal(this.limits.reasons.late)), this.limits.queueTimeout)
      signal.addEventListener('abort', onAbort)
      this.#leave.set(id, leave)
      this.#makeRoom()
    }
    return granted
  }

  #makeRoom(): void {
    if (this.waiting <= this.limits.queueLength) return
    const last = this.#waiting.oneTooMany()
    if (last !== undefined) this.#leave.get(last)?.(new Refusal(this.limits.reasons.full))
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

import PQueue from 'p-queue'
import type { GitRequest } from '@sluice/shared/git-request'
import { Refusal } from '@sluice/shared/refusal'

/*
 * Three lanes with slots of their own, so that a flood in one cannot starve another. A slot is held for as long as its
 * holder keeps it, which is until nothing of the request's worker lives: p-queue's own idea of a task being over (its
 * function returned, or its signal fired) is never that of a process being over.
 */

export type Lane = 'fetch' | 'push' | 'push-advertisement'

export type LaneLimits = {
  readonly slots: number
  /** How many may wait; the next is refused. */
  readonly queueLength: number
  /** Milliseconds; refused after it. */
  readonly queueTimeout: number
}

export function laneOf(request: Pick<GitRequest, 'kind' | 'service'>): Lane {
  if (request.service === 'upload-pack') return 'fetch'
  return request.kind === 'advertisement' ? 'push-advertisement' : 'push'
}

export class Admission {
  readonly #limits: Readonly<Record<Lane, LaneLimits>>
  readonly #lanes: Readonly<Record<Lane, PQueue>>

  constructor(limits: Readonly<Record<Lane, LaneLimits>>) {
    this.#limits = limits
    const lane = (name: Lane) => new PQueue({ concurrency: limits[name].slots })
    this.#lanes = { 'fetch': lane('fetch'), 'push': lane('push'), 'push-advertisement': lane('push-advertisement') }
  }

  /**
   * Waits for a slot; dispose of it when all that it stood for is over.
   *
   * @throws {Refusal} `queue_full` at once, `queue_timeout` after the lane's time
   * @throws the signal's reason: whoever leaves also leaves the queue
   */
  async admit(name: Lane, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const lane = this.#lanes[name]
    const { slots, queueLength, queueTimeout } = this.#limits[name]
    if (lane.pending >= slots && lane.size >= queueLength) throw new Refusal('queue_full')

    const { promise: granted, resolve: grant, reject: refuse } = Promise.withResolvers<Disposable>()
    // Only for as long as it waits: aborting a task that runs would free its slot under a living process.
    const leave = new AbortController()
    const onAbort = () => leave.abort(signal.reason)
    const timer = setTimeout(() => leave.abort(new Refusal('queue_timeout')), queueTimeout)
    signal.addEventListener('abort', onAbort)
    const stopWaiting = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }

    const hold = () => {
      stopWaiting()
      const { promise: over, resolve: release } = Promise.withResolvers<void>()
      grant({ [Symbol.dispose]: release })
      return over
    }
    lane.add(hold, { signal: leave.signal }).catch((reason: unknown) => {
      stopWaiting()
      refuse(reason)
    })
    return granted
  }

  /** How many requests of each lane run, and how many wait. */
  counts(): Record<Lane, { running: number; waiting: number }> {
    const of = (name: Lane) => ({ running: this.#lanes[name].pending, waiting: this.#lanes[name].size })
    return { 'fetch': of('fetch'), 'push': of('push'), 'push-advertisement': of('push-advertisement') }
  }
}

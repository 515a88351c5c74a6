import { addAbortListener } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Refusal } from '@sluice/shared/refusal/refusal'

/*
 * Whether a host is there, found out once for all requests to it.
 *
 *            a request was not begun                   away for longer than it may be
 *   there ─────────────────────────────▶ away ────────────────────────────────────────▶ down
 *     ▲                                    │                                             │
 *     └────────────────────────────────────┴───────────── a probe is answered ───────────┘
 *
 * there: requests are sent. Those that have waited go first come, first served, a few at a time, so that a host that has
 *   just started does not get everything at once.
 * away: one probe after the other is sent, on behalf of all. Requests wait, each for as long as it may.
 * down: probes go on. A request whose attempt fails is refused at once, since it would wait in vain.
 */

/** Pauses between probes: the first, and the longest. */
const firstPauseMs = 25
const longestPauseMs = 500

/** A host that is away again sooner than this was not really there, so pauses go on growing. */
const steadyMs = 2000

/** How many requests that have waited may be at the host without an answer. Far fewer than may wait in a host's lanes. */
const turnsAtOnce = 32

/** An answer may take minutes. The next request need not wait for it, because the host has this one by then. */
const longestTurnMs = 1000

/** How many requests may wait for one host, and how much memory they may hold: up to 64 KiB of a body each. */
const mostWaiting = 4096
const mostBytes = 64 * 2 ** 20

export type PresenceOptions = {
  /** Finds out whether the host answers and takes requests; bounds its own time. */
  readonly probe: () => Promise<boolean>
  /** Milliseconds after which a host that is away counts as down. */
  readonly downAfter: number
  /** Called when a host that was away is there again. */
  readonly onThere?: () => void
}

export class HostPresence implements Disposable {
  readonly #options: PresenceOptions
  readonly #disposed = new AbortController()
  readonly #waiting = new Set<Waiter>()
  #bytes = 0
  #turns = 0
  /** Undefined while the host is there. */
  #awaySince: number | undefined
  #thereSince = -Infinity
  #pauseMs = firstPauseMs
  #look: Promise<boolean> | undefined
  #cause: unknown

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** How many requests wait for the host. */
  get waiting(): number {
    return this.#waiting.size
  }

  get isAway(): boolean {
    return this.#awaySince !== undefined
  }

  get isDown(): boolean {
    return this.awayForMs > this.#options.downAfter
  }

  /** Milliseconds; 0 while the host is there. */
  get awayForMs(): number {
    return this.#awaySince === undefined ? 0 : performance.now() - this.#awaySince
  }

  /** What the host is missed for; undefined while it is there. */
  get cause(): unknown {
    return this.isAway ? this.#cause : undefined
  }

  /** Whether the host answers at this moment. All who ask meanwhile share one probe. */
  async look(): Promise<boolean> {
    if (this.isAway) return false
    this.#look ??= this.#options.probe().finally(() => (this.#look = undefined))
    return await this.#look
  }

  /**
   * To be called when the host could not be given a request.
   *
   * @param cause goes into the log lines of requests that wait in vain
   */
  missed(cause: unknown): void {
    this.#cause = cause
    if (this.isAway || this.#disposed.signal.aborted) return
    this.#awaySince = performance.now()
    if (this.#awaySince - this.#thereSince > steadyMs) this.#pauseMs = firstPauseMs
    void this.#probeUntilThere()
  }

  /**
   * Waits until the host is there and it is this request's turn. Dispose of the turn when the host has answered.
   *
   * @param withinMs how long the request may wait
   * @param bytes how much memory it holds
   * @param inVain makes the refusal, from what went into `missed`; `host_unreachable` in general words by default
   * @throws {Refusal} that one, when that time is over, or at once where the host is down or too many wait
   * @throws the signal's reason
   */
  async untilThere(
    signal: AbortSignal,
    withinMs: number,
    bytes: number,
    inVain: (cause: unknown) => Error = unreachable,
  ): Promise<Disposable> {
    signal.throwIfAborted()
    const isTooMuch = this.#waiting.size >= mostWaiting || this.#bytes + bytes > mostBytes
    if (withinMs <= 0 || this.isDown || isTooMuch) throw inVain(this.#cause)
    const { promise, resolve, reject } = Promise.withResolvers<Disposable>()
    const waiter: Waiter = { begin: () => resolve(this.#beginTurn()) }
    const leave = (error: Error) => {
      this.#waiting.delete(waiter)
      reject(error)
    }
    const timer = setTimeout(() => leave(inVain(this.#cause)), withinMs)
    using _leaving = addAbortListener(signal, () => leave(signal.reason as Error))
    this.#waiting.add(waiter)
    this.#bytes += bytes
    this.#release()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#bytes -= bytes
    }
  }

  /** Ends the probing. Requests that wait are ended by their own signals. */
  [Symbol.dispose](): void {
    this.#disposed.abort()
  }

  async #probeUntilThere(): Promise<void> {
    const { signal } = this.#disposed
    do {
      // A little longer each time, so that gateways do not ask all at once.
      await pause(this.#pauseMs * (1 + Math.random() / 4), undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs)
    } while (!(await this.#options.probe()))
    this.#awaySince = undefined
    this.#thereSince = performance.now()
    this.#release()
    this.#options.onThere?.()
  }

  #release(): void {
    for (const waiter of this.#waiting) {
      if (this.isAway || this.#turns >= turnsAtOnce) return
      this.#waiting.delete(waiter)
      waiter.begin()
    }
  }

  #beginTurn(): Disposable {
    this.#turns++
    const end = () => {
      if (timer === undefined) return
      clearTimeout(timer)
      timer = undefined
      this.#turns--
      this.#release()
    }
    let timer: NodeJS.Timeout | undefined = setTimeout(end, longestTurnMs)
    return { [Symbol.dispose]: end }
  }
}

function unreachable(cause: unknown): Refusal {
  return new Refusal('host_unreachable', { cause })
}

type Waiter = { readonly begin: () => void }

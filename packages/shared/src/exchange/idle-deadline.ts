export type IdleLimits = {
  /** Milliseconds for which nothing may move while the client is waited for. */
  readonly idleMs: number
  /** The same while git is waited for. The default is `idleMs`. */
  readonly silentMs?: number | undefined
  /** Asked at intervals while git is waited for: whether waiting is pointless. */
  readonly isStuck?: (() => Promise<boolean>) | undefined
}

/** A look that is late by more than this part of `idleMs` finds a process that was stopped. */
const lateShare = 0.1

/** Timers are late by so much on any machine. */
const leastLateMs = 20

/** So many late looks do not count: a process that is stopped again and again ends exchanges all the same. */
const mostLate = 10

/**
 * Ends an exchange in which nothing moves: the client is too slow to send or to take, or git is silent for too long.
 *
 * A process that was stopped (SIGSTOP), or whose machine slept, finds its timers due before it reads what has come meanwhile.
 * So a look that is late ends nothing, but leads to another one, a little later. And what has come is always read before
 * anything is ended: a stop may be over just when the timer is due.
 */
export class IdleDeadline {
  readonly #waitsForClient: () => boolean
  readonly #end: (reason: 'idle_timeout' | 'git_silent') => void
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #movedAt = performance.now()
  /** When the timer was set, and for how long. */
  #setAt = 0
  #setMs = 0
  #lateLeft = mostLate

  /**
   * @param waitsForClient whether it is the client's turn to send or to take something
   * @param end called with the reason when the time is over
   */
  constructor(waitsForClient: () => boolean, end: (reason: 'idle_timeout' | 'git_silent') => void) {
    this.#waitsForClient = waitsForClient
    this.#end = end
  }

  /** Restarts the timer with these limits. It runs until `stop`. */
  start(limits: IdleLimits): void {
    this.stop()
    this.#movedAt = performance.now()
    this.#lateLeft = mostLate
    this.#lookAfter(Math.min(limits.idleMs, limits.silentMs ?? Infinity), limits)
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
  }

  /** To be called when something was received or sent. */
  moved(): void {
    this.#movedAt = performance.now()
    this.#timer?.refresh()
  }

  #lookAfter(milliseconds: number, limits: IdleLimits): void {
    this.#setAt = performance.now()
    this.#setMs = milliseconds
    this.#timer = setTimeout(() => this.#look(limits), milliseconds)
  }

  #look(limits: IdleLimits): void {
    const { idleMs, silentMs, isStuck } = limits
    const waitsForGit = silentMs !== undefined && !this.#waitsForClient()
    const left = this.#movedAt + (waitsForGit ? silentMs : idleMs) - performance.now()
    if (left < 1 && this.#isLate(idleMs)) return this.#lookAfter(idleMs * lateShare, limits)
    if (left < 1) return this.#endUnlessMoved(waitsForGit ? 'git_silent' : 'idle_timeout')
    if (waitsForGit && isStuck) void this.#endIf(isStuck)
    this.#lookAfter(Math.min(idleMs, left), limits)
  }

  #isLate(idleMs: number): boolean {
    const lateMs = performance.now() - Math.max(this.#setAt, this.#movedAt) - this.#setMs
    return lateMs > idleMs * lateShare + leastLateMs && this.#lateLeft-- > 0
  }

  /** Ends it after a turn of the event loop. What moves in that turn has set the timer again. */
  #endUnlessMoved(reason: 'idle_timeout' | 'git_silent'): void {
    const before = this.#movedAt
    this.#turn = setImmediate(() => {
      if (this.#movedAt === before) this.#end(reason)
    })
  }

  async #endIf(isStuck: () => Promise<boolean>): Promise<void> {
    const before = this.#movedAt
    if ((await isStuck()) && this.#movedAt === before) this.#end('idle_timeout')
  }
}

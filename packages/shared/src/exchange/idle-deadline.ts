export type IdleLimits = {
  /** Milliseconds for which nothing may move while the client is waited for. */
  readonly idleMs: number
  /** The same while git is waited for. The default is `idleMs`. */
  readonly silentMs?: number | undefined
  /** Asked at intervals while git is waited for: whether waiting is pointless. */
  readonly isStuck?: (() => Promise<boolean>) | undefined
}

/** Ends an exchange in which nothing moves: the client is too slow to send or to take, or git is silent for too long. */
export class IdleDeadline {
  readonly #waitsForClient: () => boolean
  readonly #end: (reason: 'idle_timeout' | 'git_silent') => void
  #timer: NodeJS.Timeout | undefined
  #movedAt = performance.now()

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
    this.#lookAfter(Math.min(limits.idleMs, limits.silentMs ?? Infinity), limits)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** To be called when something was received or sent. */
  moved(): void {
    this.#movedAt = performance.now()
    this.#timer?.refresh()
  }

  #lookAfter(milliseconds: number, limits: IdleLimits): void {
    this.#timer = setTimeout(() => this.#look(limits), milliseconds)
  }

  #look(limits: IdleLimits): void {
    const { idleMs, silentMs, isStuck } = limits
    const waitsForGit = silentMs !== undefined && !this.#waitsForClient()
    const left = this.#movedAt + (waitsForGit ? silentMs : idleMs) - performance.now()
    if (left < 1) return this.#end(waitsForGit ? 'git_silent' : 'idle_timeout')
    if (waitsForGit && isStuck) void this.#endIf(isStuck)
    this.#lookAfter(Math.min(idleMs, left), limits)
  }

  async #endIf(isStuck: () => Promise<boolean>): Promise<void> {
    const before = this.#movedAt
    if ((await isStuck()) && this.#movedAt === before) this.#end('idle_timeout')
  }
}

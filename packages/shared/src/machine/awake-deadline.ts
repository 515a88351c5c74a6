/** In so many steps the time is counted. */
const steps = 10

/** A step counts for so many at most, however long it took. */
const mostPerStep = 2

/**
 * A deadline for others that counts only time in which this process could hear them. A process that was stopped (SIGSTOP), or
 * whose machine slept, finds all of its timers due at once, before it reads what has come meanwhile: a plain timer would give
 * up those that have answered.
 *
 *   step ──its timer is due──▶ a turn of the event loop, in which others are heard ──▶ the next step
 *                                                                                  └── it was the last ──▶ over
 *
 * A step counts for the time that it took, but for that of two steps at most. Where a late one would be the last, one more
 * follows, once. So others are given up after six steps by a process that is stopped again and again, or so busy that all of
 * its timers are late.
 */
export class AwakeDeadline implements Disposable {
  readonly #stepMs: number
  readonly #onOver: () => void
  #left = steps
  #hasOneMore = true
  #began = 0
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined

  /**
   * It does not keep the process alive.
   *
   * @param onOver is called once, unless the deadline is disposed of before, or begins anew
   */
  constructor(milliseconds: number, onOver: () => void) {
    this.#stepMs = milliseconds / steps
    this.#onOver = onOver
    this.#beginStep()
  }

  /** Begins anew, even if it was over. */
  restart(): void {
    this[Symbol.dispose]()
    this.#left = steps
    this.#hasOneMore = true
    this.#beginStep()
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#turn)
    clearTimeout(this.#timer)
  }

  #beginStep(): void {
    this.#began = performance.now()
    this.#timer = setTimeout(() => this.#endStep(), this.#stepMs).unref()
  }

  #endStep(): void {
    const tookMs = performance.now() - this.#began
    this.#left -= Math.min(Math.max(1, tookMs / this.#stepMs), mostPerStep)
    if (this.#left <= 0 && this.#hasOneMore && tookMs > mostPerStep * this.#stepMs + leastLateMs) {
      this.#hasOneMore = false
      this.#left = 1
    }
    this.#turn = setImmediate(() => {
      if (this.#left <= 0) this.#onOver()
      else this.#beginStep()
    })
  }
}

/** Timers are late by so much on any machine. */
const leastLateMs = 20

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** An application takes two signals within 100 ms for one wish. */
const askAgainAfterMs = 200
const killAfterMs = 5000

/** When to end what is being started, or runs: as soon as its requests have ended, and at once. */
export type Ending = { readonly stopping: AbortSignal; readonly hurrying: AbortSignal }

/** How a child process ends, by itself or because it is told to. */
export class ChildEnd {
  /** Resolves with the exit code; null: a signal has ended it. */
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  #isStopping = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.exited = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null)
    this.exited.catch(() => {})
  }

  /** Whether it has been told to end. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /**
   * Lets it finish its requests. Resolves when it has ended.
   *
   * @param forceAfterMs when to end it by force; undefined: never
   */
  async stop(forceAfterMs?: number): Promise<void> {
    this.#ask()
    if (forceAfterMs !== undefined) this.#unlessEnded(forceAfterMs, () => this.#child.kill('SIGKILL'))
    await this.exited
  }

  /** Ends it at once: by a second wish, or by force if it does not hear. */
  hurry(): void {
    this.#ask()
    this.#unlessEnded(askAgainAfterMs, () => this.#ask())
    this.#unlessEnded(killAfterMs, () => this.#child.kill('SIGKILL'))
  }

  /** Ends it when it is time. Once it has `started`, only a hurry is heard of. */
  follow({ stopping, hurrying }: Ending): { started: () => void; forget: () => void } {
    const stop = () => this.#ask()
    const hurry = () => this.hurry()
    onAbort(stopping, stop)
    onAbort(hurrying, hurry)
    const started = () => stopping.removeEventListener('abort', stop)
    const forget = () => {
      started()
      hurrying.removeEventListener('abort', hurry)
    }
    this.exited.then(forget, forget)
    return { started, forget }
  }

  #unlessEnded(afterMs: number, act: () => void): void {
    const timer = setTimeout(act, afterMs)
    const forget = () => clearTimeout(timer)
    this.exited.then(forget, forget)
  }

  #ask(): void {
    this.#isStopping = true
    this.#child.kill('SIGTERM')
    // One that somebody has stopped hears nothing before it goes on.
    this.#child.kill('SIGCONT')
  }
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}

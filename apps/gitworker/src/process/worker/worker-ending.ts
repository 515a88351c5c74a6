import type { Process } from '../process-table.ts'
import type { RequestMark } from '../request-processes.ts'
import { endSession } from '../session.ts'
import type { Graces, Leftover } from '../worker-message.ts'

type Signal = 'SIGTERM' | 'SIGKILL'

/** At most so many escaped processes are named. */
const maxEscaped = 10

/** What it took to end a worker and its request, for the log. */
export class WorkerEnding {
  readonly leftovers: Leftover[] = []
  signalled: Signal | undefined
  signalledAfter: number | undefined
  #stoppedAt: number | undefined

  /** The worker has been told to stop. */
  begin(): void {
    this.#stoppedAt = performance.now()
  }

  /** The worker has found processes that outlived git. */
  foundLeftovers(processes: readonly Leftover[]): void {
    this.leftovers.push(...processes)
  }

  /** The worker sends a signal to all that is left. */
  isSignalling(signal: Signal): void {
    this.signalled = signal
    if (this.#stoppedAt !== undefined) this.signalledAfter ??= performance.now() - this.#stoppedAt
  }

  /**
   * Ends what a worker that was killed has left, in its session or out of it. Without the worker, orphans are given to
   * PID 1.
   */
  async endOrphans(mark: RequestMark, graces: Graces): Promise<void> {
    await endSession(mark, graces, (signal, to) => {
      this.signalled = signal
      this.#noteEscaped(mark, to)
    })
  }

  #noteEscaped(mark: RequestMark, processes: readonly Process[]): void {
    const known = new Set(this.leftovers.map(({ pid }) => pid))
    const escaped = processes.filter(({ pid, session }) => session !== mark.leader && !known.has(pid))
    this.leftovers.push(...escaped.slice(0, maxEscaped).map(({ pid, name }) => ({ pid, name })))
  }
}

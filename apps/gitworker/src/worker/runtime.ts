import type { GitCommand } from '../git/command.ts'
import type { GitReport, Leftover } from '../process/worker-message.ts'

/** What differs between Bun and Node; all else of a worker is the same on both. */
export type Runtime = {
  /**
   * Runs git in the worker's own group, on the worker's own standard streams, and closes the worker's copies of the
   * first two: whoever reads git's output would otherwise never see its end.
   *
   * Rejects where git cannot be started, with errno's name in the message.
   */
  run(command: GitCommand): Promise<GitReport>
  /** Whether anything that git started still lives, besides this worker. Called after git's own exit. */
  hasLeftovers(): boolean
  /** Who that is, for the log: some of them. Costs more than the question. */
  leftovers(): Leftover[]
  /** SIGTERM to everything of this request. The worker itself is hit too, and ignores it. */
  terminate(): void
  /** SIGKILL to everything of this request; on Node that includes the worker, and this does not return. */
  kill(): void
}

import type { GitCommand } from '../git/command.ts'
import type { GitReport, Leftover } from '../process/worker-message.ts'

/** What differs between Bun and Node. Everything else in a worker is the same on both. */
export type Runtime = {
  /**
   * Runs git in the worker's group, on the worker's standard streams. Closes the worker's own copies of the first two, since
   * whoever reads git's output would otherwise never see its end.
   *
   * Rejects if git cannot be started, with errno's name in the message.
   */
  run(command: GitCommand): Promise<GitReport>
  /** Whether anything that git started still lives. Is called after git's own exit. */
  hasLeftovers(): boolean
  /** The first of these processes, for the log. Costs more than asking whether there are any. */
  leftovers(): Leftover[]
  /** Sends SIGTERM to everything of this request. The worker gets it, too, and ignores it. */
  terminate(): void
  /** Sends SIGKILL to everything of this request. On Node that includes the worker, and this does not return. */
  kill(): void
}

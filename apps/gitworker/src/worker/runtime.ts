import type { GitCommand } from '@sluice/shared/worker-message'

/** How git's main process ended. */
export type GitExit = {
  readonly code: number | null
  readonly signal: string | null
  readonly cpuMs: number | null
  readonly maxRssBytes: number | null
}

export type RunningGit = {
  readonly exited: Promise<GitExit>
  /** Until every holder of git's standard error has closed it, which may be long after git's exit. */
  readonly stderr: AsyncIterable<Uint8Array>
}

/** What differs between Bun and Node; all else of a worker is the same on both. */
export type Runtime = {
  /**
   * Starts git in the worker's own group, on the worker's own standard input and output, and then closes the worker's
   * copies of these two: whoever reads git's output would otherwise never see its end.
   *
   * @throws an error whose `code` is errno's name
   */
  start(command: GitCommand): RunningGit
  /** Whether anything that git started still lives, besides this worker. Called after git's own exit. */
  hasLeftovers(): boolean
  /** SIGTERM to everything of this request. The worker itself is hit too, and ignores it. */
  terminate(): void
  /** SIGKILL to everything of this request; on Node that includes the worker, and this does not return. */
  kill(): void
}

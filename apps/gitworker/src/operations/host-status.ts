import type { LaneName } from '../capacity/admission.ts'

/** What the supervisor is doing, as `/-/status.json` says it and the status page shows it. */
export type Status = {
  /** ISO 8601. */
  readonly at: string
  readonly facts: { readonly version: string; readonly git: string; readonly runtime: string; readonly root: string }
  readonly uptimeSeconds: number
  readonly memoryBytes: number
  /** The same as `/readyz` says; `reason` where it is not ready. */
  readonly ready: boolean
  readonly reason: string | undefined
  readonly workers: Readonly<Record<'starting' | 'idle' | 'serving' | 'draining' | 'stopping', number>>
  readonly lanes: readonly LaneStatus[]
  /** The oldest ones, at most `maxListed` of them. */
  readonly requests: readonly RequestStatus[]
  readonly requestsInAll: number
  /** The last ones first. */
  readonly failures: readonly FailureStatus[]
  /** What is free where the host writes; a disk that does not answer is missing. */
  readonly disks: readonly DiskStatus[]
  /** What lives, or is a zombie, of requests that are over: it should be nothing. */
  readonly leaked: { readonly processes: number; readonly zombies: number }
}

export type LaneStatus = {
  readonly lane: LaneName
  /** As many as may run now, which is fewer than `configured` while the host is short of memory or processor time. */
  readonly slots: number
  readonly configured: number
  readonly running: number
  readonly waiting: number
  /** How many may wait. */
  readonly queueLength: number
}

export type DiskStatus = {
  /** `root`, `spool` or `run`. */
  readonly disk: string
  readonly freeBytes: number
  readonly totalBytes: number
  /** Undefined where the file system makes inodes as it needs them. */
  readonly freeInodes: number | undefined
  readonly totalInodes: number | undefined
}

export type RequestStatus = {
  readonly requestId: string
  readonly repository: string
  readonly service: string
  /** `advertisement` or `rpc`. */
  readonly kind: string
  readonly client: string
  /** Who asks; undefined for nobody in particular. */
  readonly user: string | undefined
  readonly ageMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  /**
   * In the order in which a request goes through them; `starting` is the wait for a worker, and who is in `sending` reads
   * what a git has written that has ended.
   */
  readonly phase: 'reading' | 'queued' | 'starting' | 'serving' | 'sending' | 'ending'
  /** The pid of the worker whose git it is served by, which is also its session and process group. Several may share one. */
  readonly worker: number | undefined
}

export type FailureStatus = {
  readonly at: string
  readonly requestId: string
  readonly repository: string | undefined
  readonly service: string | undefined
  readonly client: string
  readonly outcome: string
  readonly reason: string | undefined
  /** What git said, where it was git that failed. */
  readonly said: string | undefined
  readonly status: number | undefined
  readonly ms: number
}

export const maxListed = 100

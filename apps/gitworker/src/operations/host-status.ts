import type { LaneName } from '../capacity/admission.ts'

/** What the supervisor is doing: the content of `/-/status.json`, which the status page shows. */
export type HostStatus = {
  /** ISO 8601. */
  readonly at: string
  readonly facts: { readonly version: string; readonly git: string; readonly runtime: string; readonly root: string }
  readonly uptimeSeconds: number
  readonly memoryBytes: number
  /** The same as in `/readyz`; `reason` says why the host is not ready. */
  readonly ready: boolean
  readonly reason: string | undefined
  readonly workers: Readonly<Record<'starting' | 'idle' | 'serving' | 'draining' | 'stopping', number>>
  readonly lanes: readonly LaneStatus[]
  /** The oldest requests, at most `maxListed` of them. */
  readonly requests: readonly RequestStatus[]
  readonly requestsInAll: number
  /** The latest first. */
  readonly failures: readonly FailureStatus[]
  /** The space on each disk that the host writes to. A disk that does not answer is left out. */
  readonly disks: readonly DiskStatus[]
  /** Undefined where repositories are not kept in shape. */
  readonly maintenance: MaintenanceStatus | undefined
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: MirrorsStatus | undefined
  /** Undefined where nobody is told of events. */
  readonly events: EventsStatus | undefined
  /** The processes that are left of requests that are over. There should be none. */
  readonly leaked: { readonly processes: number; readonly zombies: number }
}

export type MaintenanceStatus = {
  /** How many repositories wait for it. */
  readonly waiting: number
  /** Those that it is at work on, relative to the root. */
  readonly running: readonly string[]
}

export type MirrorsStatus = {
  readonly inAll: number
  readonly failing: number
  readonly running: number
  /** Those that fail first, at most `maxListed`. */
  readonly mirrors: readonly MirrorStatus[]
}

export type MirrorStatus = {
  readonly repository: string
  readonly upstream: string
  readonly phase: 'resting' | 'looking' | 'fetching'
  /** ISO 8601. Undefined where it has never been as its upstream, or that is not known yet. */
  readonly lastSuccess: string | undefined
  readonly lagSeconds: number | undefined
  /** In a row. */
  readonly failures: number
  /** The last one, also where it has succeeded since. */
  readonly lastFailure: { readonly at: string; readonly reason: string; readonly said: string } | undefined
  /** What the last run gave way to, in words, such as maintenance of the repository. */
  readonly gaveWay: string | undefined
  /** Undefined while it runs. */
  readonly nextInSeconds: number | undefined
}

export type EventsStatus = {
  /** How many the file names. */
  readonly receivers: number
  /** How many of these have refused the oldest event that they have not taken. */
  readonly failing: number
  /** Events that some receiver has not taken, and is still to be sent. */
  readonly waiting: number
  /** Whether there may be more: not all of the journal was looked at. */
  readonly isMore: boolean
  /** How long the oldest of these waits. Undefined where none does. */
  readonly oldestSeconds: number | undefined
  /** How many are no longer sent, since a receiver has not taken them in all their time. */
  readonly parked: number
  /** The last one since the start, also where the receiver has taken the event since. */
  readonly lastFailure: { readonly receiver: string; readonly at: string; readonly why: string } | undefined
}

export type LaneStatus = {
  readonly lane: LaneName
  /** How many may run now: fewer than `configured` while the host is short of memory or processor time. */
  readonly slots: number
  readonly configured: number
  readonly running: number
  readonly waiting: number
  /** How many may wait. */
  readonly queueLength: number
}

export type DiskStatus = {
  /** `root`, `spool`, `run` or `audit`. */
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
  /** Undefined for an anonymous client. */
  readonly user: string | undefined
  readonly ageMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  /**
   * In the order in which a request goes through them. A request that is `starting` waits for a worker. One that is
   * `sending` reads what a git wrote that has ended since.
   */
  readonly phase: 'reading' | 'queued' | 'starting' | 'serving' | 'sending' | 'ending'
  /**
   * The pid of the worker that serves it, which is also its session and process group. Several requests may share one.
   */
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
  /** What git said, where git failed. */
  readonly said: string | undefined
  readonly status: number | undefined
  readonly ms: number
}

export const maxListed = 100

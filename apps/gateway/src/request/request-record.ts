import type { RemoteRequest } from '@sluice/shared/lfs/remote-request'
import type { PushReport } from '@sluice/shared/git/push-report'
import type { LoginRecord } from '../access/access.ts'
import type { Host } from '../hosts/host.ts'

/** What is known of a request so far: for its line in the log, and for its deadlines. */
export type RequestRecord = {
  /** Undefined until it is parsed, and for what is neither git's nor LFS's. */
  request: RemoteRequest | undefined
  readonly login: LoginRecord
  /** What the reply says about a push, read as it passes; undefined where it is not a push. */
  report: PushReport | undefined
  /** The host of the last attempt. */
  host: Host | undefined
  /** How many attempts at a host failed; undefined where none did. */
  attempts: number | undefined
  /** Milliseconds for which the request was held; undefined where it was not. */
  waitedForHostMs: number | undefined
}

export function newRecord(): RequestRecord {
  return {
    request: undefined,
    login: { token: undefined },
    report: undefined,
    host: undefined,
    attempts: undefined,
    waitedForHostMs: undefined,
  }
}

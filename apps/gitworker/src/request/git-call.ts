import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Claim } from '@sluice/shared/admission/fair-queue'
import type { GitRequest } from '@sluice/shared/git/git-route'
import type { RequestRecord } from '../operations/request-record.ts'
import type { Host } from './host.ts'
import type { Visit } from '../creation/new-repositories.ts'

/** A request that was parsed and let in, on its way through this host: what each of its steps may need. */
export type GitCall = {
  readonly exchange: Exchange
  readonly host: Host
  readonly request: GitRequest
  /** For whom it asks for a slot. */
  readonly claim: Claim
  readonly visit: Visit
  readonly record: RequestRecord
}

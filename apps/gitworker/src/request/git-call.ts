import type { Claim } from '@sluice/shared/admission/fair-queue'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import type { Tenure } from '../cluster/placement/tenure.ts'
import type { Visit } from '../creation/new-repositories.ts'
import type { RequestRecord } from '../operations/request-record.ts'

/** A request that has been parsed and accepted, with what the steps that serve it need. */
export type GitCall = {
  readonly exchange: Exchange
  readonly request: GitRequest
  /** The repository and the client that its slot counts for. */
  readonly claim: Claim
  readonly visit: Visit
  readonly record: RequestRecord
  /** In a cluster: the hold of a push on its slot. Undefined for whatever changes nothing, and where there is one host only. */
  readonly tenure: Tenure | undefined
}

import type { Claim } from '@sluice/shared/admission/fair-queue'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { LfsRequest } from '@sluice/shared/lfs/lfs-request'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import type { RequestRecord } from '../../operations/request-record.ts'

/** A request of LFS's that has been parsed and accepted. */
export type LfsCall<Request extends LfsRequest = LfsRequest> = {
  readonly exchange: Exchange
  readonly request: Request
  /** The repository and the client that its slot counts for. */
  readonly claim: Claim
  readonly record: RequestRecord
  /** In a cluster: the hold of a write on its slot. Undefined for reads, and where there is one host only. */
  readonly tenure: Tenure | undefined
}

import type { Exchange } from '@sluice/shared/exchange'
import type { Claim } from '@sluice/shared/fair-queue'
import type { GitRequest } from '@sluice/shared/git-request'
import type { Account } from './account.ts'
import type { Host } from './host.ts'
import type { Visit } from './new-repositories.ts'

/** A request that was parsed and let in, on its way through this host: what each of its steps may need. */
export type GitCall = {
  readonly exchange: Exchange
  readonly host: Host
  readonly request: GitRequest
  /** For whom it asks for a slot. */
  readonly claim: Claim
  readonly visit: Visit
  readonly account: Account
}

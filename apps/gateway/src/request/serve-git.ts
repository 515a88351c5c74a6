import { clientKey } from '@sluice/shared/admission/client-key'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { PushReport } from '@sluice/shared/git/push-report'
import { plainName } from '@sluice/shared/git/repository-name'
import type { Span } from '@sluice/shared/telemetry/tracing'
import type { Access } from '../access/access.ts'
import type { ClientAdmission } from '../admission/client-admission.ts'
import { KeptBody } from './kept-body.ts'
import type { RequestRecord } from './request-record.ts'
import { forwardWithRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'

export type GitParts = RetryOptions & {
  readonly access: Pick<Access, 'authorise'>
  readonly clientAdmission: ClientAdmission
  /** Bytes per second; 0 is any. */
  readonly minUploadRate: number
}

/**
 * Serves a request of git's: who may do this? → the client's limits → the body's beginning → a host.
 *
 * @returns the reason that the host gave, where it refused
 * @throws {Refusal}
 */
export async function serveGit(
  exchange: Exchange,
  request: GitRequest,
  span: Span,
  record: RequestRecord,
  parts: GitParts,
): Promise<string | undefined> {
  if (request.kind === 'rpc') watchBody(exchange, parts.minUploadRate)
  const grant = await parts.access.authorise(exchange, request, record.login)
  // However a repository is addressed, it counts as one.
  const repository = plainName(request.repository)
  const client = clientKey(exchange.clientAddress, grant.user)
  using _slot = await parts.clientAdmission.admit(client, repository, exchange.signal)
  const isPush = request.kind === 'rpc' && request.service === 'receive-pack'
  if (isPush) record.report = new PushReport()
  const body = request.kind === 'rpc' ? await KeptBody.read(exchange) : undefined
  const forwarded = { exchange, request, grant, span, body, report: record.report }
  const reason = await forwardWithRetry(
    forwarded,
    { repository, client, clientAddress: exchange.clientAddress },
    record,
    parts,
  )
  await exchange.finish()
  return reason
}

function watchBody(exchange: Exchange, minUploadRate: number): void {
  exchange.watchUnreadBody()
  if (minUploadRate > 0) exchange.limitSlowness(minUploadRate)
}

import { clientKey } from '@sluice/shared/admission/client-key'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { plainName } from '@sluice/shared/git/repository-name'
import { readBatch } from '@sluice/shared/lfs/batch-request'
import type { LfsRequest } from '@sluice/shared/lfs/lfs-request'
import { hasBody, isWrite } from '@sluice/shared/lfs/remote-request'
import { readJsonBody } from '@sluice/shared/exchange/json-body'
import type { Span } from '@sluice/shared/telemetry/tracing'
import { repositoryAddress } from '../aside/repository-address.ts'
import type { OriginOptions } from '../client/original-request.ts'
import { KeptBody } from './kept-body.ts'
import type { SentBody } from './kept-body.ts'
import type { RequestRecord } from './request-record.ts'
import { forwardWithRetry } from './retry.ts'
import type { GitParts } from './serve-git.ts'
import { WholeBody } from './whole-body.ts'

export type LfsParts = GitParts & { readonly origin: OriginOptions }

/**
 * Serves a request of LFS's: who may do this? → the client's limits → the body's beginning → a host.
 *
 * What a batch is for stands in its body. So a client must have the right to read before its batch is read, and where the
 * batch is for uploads, the right to write after that.
 *
 * @returns the reason that the host gave, where it refused
 * @throws {Refusal}
 */
export async function serveLfs(
  exchange: Exchange,
  asked: LfsRequest,
  span: Span,
  record: RequestRecord,
  parts: LfsParts,
): Promise<string | undefined> {
  const { access, clientAdmission, minUploadRate, origin } = parts
  if (hasBody(asked) && minUploadRate > 0) exchange.limitSlowness(minUploadRate)
  const mayRead: LfsRequest = asked.kind === 'batch' ? { ...asked, operation: 'download' } : asked
  let grant = await access.authorise(exchange, mayRead, record.login)
  const repository = plainName(asked.repository)
  const client = clientKey(exchange.clientAddress, grant.user)
  using _slot = await clientAdmission.admit(client, repository, exchange.signal)
  const { request, body } = await readBody(exchange, asked)
  record.request = request
  if (isWrite(request) && !isWrite(mayRead)) grant = await access.authorise(exchange, request, record.login)
  // The host writes it into the addresses of objects.
  const address =
    request.kind === 'batch' ? repositoryAddress(exchange.incoming, request.repository, origin) : undefined
  const forwarded = {
    exchange,
    request,
    grant,
    span,
    body,
    report: undefined,
    ...(address !== undefined && { address }),
  }
  const about = { repository, client, clientAddress: exchange.clientAddress }
  const reason = await forwardWithRetry(forwarded, about, record, parts)
  await exchange.finish()
  return reason
}

type Read = { readonly request: LfsRequest; readonly body: SentBody | undefined }

/** An object is streamed. All other bodies are small, and read whole. @throws {Refusal} */
async function readBody(exchange: Exchange, asked: LfsRequest): Promise<Read> {
  if (asked.kind === 'upload') return { request: asked, body: await KeptBody.read(exchange) }
  if (!hasBody(asked)) return { request: asked, body: undefined }
  const bytes = await readJsonBody(exchange)
  const body = new WholeBody(bytes)
  // Whatever the address says: the body decides, here and at the host.
  return asked.kind === 'batch'
    ? { request: { ...asked, operation: readBatch(bytes).operation }, body }
    : { request: asked, body }
}

import type { Exchange } from '@sluice/shared/exchange/exchange'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { plainName } from '@sluice/shared/git/repository-pattern'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import { clientKey } from '@sluice/shared/admission/client-key'
import { packKeyOf } from '../cache/packs/pack-key.ts'
import { questionOf } from '../cache/references/questions.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { admitFirstPush } from '../creation/first-push.ts'
import type { GitCall } from './git-call.ts'
import type { Host } from './host.ts'
import { contentType } from '../reply/relay.ts'
import { findRepository } from '../repository/repository.ts'
import type { Repository } from '../repository/repository.ts'
import { RequestBody } from '../body/request-body.ts'
import { serveFetch } from './serve-fetch.ts'
import { servePush } from './serve-push.ts'
import { serveReferences } from './serve-references.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'

/*
 * The way of one request through this host:
 *
 *   limits → parse → find the repository → read the body's beginning ─┬─▶ a probe         answered here
 *                                                                     ├─▶ a push          serve-push
 *                                                                     ├─▶ references      serve-references ─┐ not known
 *                                                                     └─▶ a fetch ─────────────────────▶ serve-fetch
 */

/** Returns when the request is answered and nothing that it started lives. */
export async function serveGit(exchange: Exchange, host: Host, record: RequestRecord): Promise<void> {
  try {
    setLimits(exchange, host)
    const request = (record.request = parseGitRequest(exchange.incoming))
    await serve(exchange, host, request, record)
  } catch (error) {
    await refuse(exchange, record, error)
  }
}

async function serve(exchange: Exchange, host: Host, request: GitRequest, record: RequestRecord): Promise<void> {
  if (request.service === 'receive-pack') await host.disks.checkPush(announcedBytes(exchange))
  if (request.kind === 'rpc') exchange.watchUnreadBody()
  const claim = { repository: plainName(request.repository), client: clientKey(exchange.clientAddress, exchange.user) }
  // What a first push has created in vain goes with the last who has something to do with it.
  await using visit = host.newRepositories.visit(claim.repository, request.repository, record)
  const call = { exchange, host, request, claim, visit, record }
  const found = findRepository(host.root, request.repository) ?? (await admitFirstPush(host, exchange, request, record))
  const body = request.kind === 'rpc' ? await RequestBody.read(exchange, request, host.maxFetchRequest) : undefined
  record.command = body?.command
  if (body?.isProbe) await answerProbe(call, found)
  else if (body && request.service === 'receive-pack') await servePush(call, found, body)
  else if (found) await serveRead(call, found, body)
  else throw repositoryMissing(request.service)
}

/** What changes nothing: advertisements, `ls-refs` and fetches. */
async function serveRead(call: GitCall, { gitDir }: Repository, body: RequestBody | undefined): Promise<void> {
  const { host, request } = call
  const question = host.answers && questionOf(request, gitDir, body?.protocolV2, host.build)
  if (question || !body) return await serveReferences(call, gitDir, body, question)
  const key = host.sharesPacks ? packKeyOf(request, gitDir, body.protocolV2, host.build) : undefined
  await serveFetch(call, { key, gitDir, body, question: undefined })
}

function setLimits(exchange: Exchange, { connections, idleTimeout, silentGitTimeout, requestTimeout }: Host): void {
  connections.check(exchange)
  exchange.limitIdleness(idleTimeout, silentGitTimeout)
  if (requestTimeout !== undefined) exchange.limitDuration(requestTimeout)
}

function announcedBytes({ incoming }: Exchange): number {
  return Number(incoming.headers['content-length'] ?? 0)
}

/** A host that would take a push must say so of a repository that is yet to be created, too. */
async function answerProbe({ exchange, host, request }: GitCall, found: Repository | undefined): Promise<void> {
  if (found) await checkServiceIsOn(host, found.gitDir, request, exchange.signal)
  await exchange.reply(200, '', { 'Content-Type': contentType(request) })
}

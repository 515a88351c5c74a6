import { clientKey } from '@sluice/shared/admission/client-key'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { isLfs, parseRemoteRequest } from '@sluice/shared/lfs/remote-request'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import { plainName } from '@sluice/shared/git/repository-name'
import { awaitsAcceptance, termOf } from '@sluice/shared/host-protocol/from-gateway'
import { isNotBegun } from '@sluice/shared/host-protocol/from-host'
import type { RefusedPushes } from '../audit/refused-pushes.ts'
import { RequestBody } from '../body/request-body.ts'
import type { DiskSpace } from '../capacity/disk-space.ts'
import type { Placement } from '../cluster/placement/placement.ts'
import type { Tenure } from '../cluster/placement/tenure.ts'
import type { Copies } from '../copies/primary/copies.ts'
import { admitFirstPush } from '../creation/first-push.ts'
import type { FirstPushServices } from '../creation/first-push.ts'
import type { Lfs } from '../lfs/serve-lfs.ts'
import { checkNoMirror, checkNotAwaited } from '../mirrors/mirror-refusals.ts'
import type { Mirrors } from '../mirrors/mirrors.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { contentType } from '../reply/relay.ts'
import { checkNotReadOnly } from '../repository/read-only.ts'
import type { ReadOnlyRules } from '../repository/read-only.ts'
import { findRepository } from '../repository/repository.ts'
import type { Repository } from '../repository/repository.ts'
import type { RepositoryUsers } from '../repository/repository-users.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import type { BundleDownloads } from '../bundles/serve-bundle.ts'
import { confirmCopies } from '../copies/primary/confirm-copies.ts'
import type { GitCall } from './git-call.ts'
import type { Archives } from './serve-archive.ts'
import { setLimits } from './limits/request-limits.ts'
import type { RequestLimits } from './limits/request-limits.ts'
import type { Fetches } from './serve-fetch.ts'
import type { Pushes } from './serve-push.ts'
import type { References } from './serve-references.ts'

/*
 * A request on its way through this host:
 *
 *   limits → parse → in a cluster: this host? ─ no ─▶ refused: nothing is begun
 *                         │ └─▶ a request of LFS's                     lfs/serve-lfs
 *      find the repository → read the body's beginning ─┬─▶ a probe         answered here
 *                                                       ├─▶ a push          serve-push ──────▶ run-push
 *                                                       ├─▶ an archive      serve-archive ────┐
 *                                                       ├─▶ a bundle        serve-bundle
 *                                                       ├─▶ references      serve-references ─┐ not cached
 *                                                       └─▶ a fetch         serve-fetch ──────┴▶ readers
 */

/** One server for each kind of request. */
export type Servers = {
  readonly references: References
  readonly fetches: Fetches
  readonly pushes: Pushes
  readonly archives: Archives
  readonly bundles: BundleDownloads
  readonly lfs: Lfs
}

export type DispatchServices = {
  readonly limits: RequestLimits
  /** Undefined where there is one host only. */
  readonly placement: Pick<Placement, 'admit'> | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Copies | undefined
  readonly disks: DiskSpace
  readonly readOnly: ReadOnlyRules
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: Pick<Mirrors, 'freshen' | 'of'> | undefined
  /** What records pushes: the audit log, and the journal of events. Each refuses where it cannot. */
  readonly recorders: readonly { check(): Promise<void> }[]
  readonly refusedPushes: RefusedPushes | undefined
  readonly firstPushes: FirstPushServices
  readonly users: RepositoryUsers
  readonly settings: ServiceSwitchServices
  readonly servers: Servers
  /** Called when a request to a repository is over. `isPush`: it may have changed something. */
  readonly onOver: (gitDir: string, isPush: boolean) => void
}

/** Hands each request to the server for its kind. */
export class Dispatcher {
  readonly #services: DispatchServices

  constructor(services: DispatchServices) {
    this.#services = services
  }

  /** Returns when the request has been answered and all processes that it started have ended. Never rejects. */
  async serve(exchange: Exchange, record: RequestRecord): Promise<void> {
    const { limits, placement } = this.#services
    try {
      setLimits(exchange, limits)
      const request = (record.request = parseRemoteRequest(exchange.incoming))
      using tenure = await placement?.admit(request, termOf(exchange.incoming.headers), exchange.signal)
      // From now on, the gateway does not send the request elsewhere.
      if (awaitsAcceptance(exchange.incoming.headers)) exchange.outgoing.writeProcessing()
      if (isLfs(request)) await this.#services.servers.lfs.serve({ exchange, request, record, tenure })
      else await this.#admit(exchange, request, record, tenure)
    } catch (error) {
      await refuse(exchange, record, error)
    }
    // The gateway sends a request that was not begun to another host, which answers it.
    if (!isNotBegun(record.refusal?.headers ?? {})) await this.#services.refusedPushes?.ended(exchange, record)
  }

  async #admit(
    exchange: Exchange,
    request: GitRequest,
    record: RequestRecord,
    tenure: Tenure | undefined,
  ): Promise<void> {
    const { firstPushes, users, mirrors, onOver } = this.#services
    if (request.kind === 'rpc') exchange.watchUnreadBody()
    const claim = {
      repository: plainName(request.repository),
      client: clientKey(exchange.clientAddress, exchange.user),
    }
    // From when on a repository that was created is kept, or is none any more.
    await using _copied = { [Symbol.asyncDispose]: () => this.#confirmCreation(request, record, tenure) }
    // A repository that was created for a push which then failed is removed when the last request to it has ended.
    await using visit = firstPushes.newRepositories.visit(claim.repository, request.repository, record)
    const isRead = request.service === 'upload-pack'
    if (isRead && request.kind !== 'rpc') await mirrors?.freshen(claim.repository, exchange.signal)
    const existing = findRepository(firstPushes.root, request.repository)
    // Found and entered in one turn of the event loop, so that it cannot be moved away in between.
    using _use = existing && (isRead ? users.enterToRead(existing.gitDir) : users.enter(existing.gitDir))
    if (!isRead) await this.#checkPush(exchange, request, existing)
    if (!existing) checkNotAwaited(mirrors, claim.repository)
    const found = existing ?? (await admitFirstPush(firstPushes, exchange, request, record))
    try {
      await this.#dispatch({ exchange, request, claim, visit, record, tenure }, found)
    } finally {
      if (existing) onOver(existing.gitDir, !isRead && request.kind === 'rpc')
    }
  }

  async #confirmCreation({ repository }: GitRequest, record: RequestRecord, tenure: Tenure | undefined): Promise<void> {
    const { copies } = this.#services
    if (!copies || !tenure || !(record.created || record.takenBack)) return
    await confirmCopies(copies, repository, tenure).catch((error: unknown) => (record.tidyError ??= error))
  }

  /**
   * Whether a push, or its advertisement, can be taken at all. Costs no process.
   *
   * @throws {Refusal} `is_mirror`, `read_only`, `disk_low`, `audit_unavailable`, `events_unavailable`
   */
  async #checkPush(exchange: Exchange, request: GitRequest, found: Repository | undefined): Promise<void> {
    const { readOnly, mirrors, disks, recorders, firstPushes } = this.#services
    checkNoMirror(mirrors, firstPushes.root, request.repository, found)
    checkNotReadOnly(readOnly, firstPushes.root, request.repository, found)
    await disks.checkPush(announcedBytes(exchange))
    for (const recorder of recorders) await recorder.check()
  }

  /** @param found undefined where the repository is yet to be created */
  async #dispatch(call: GitCall, found: Repository | undefined): Promise<void> {
    const { limits, servers } = this.#services
    const { exchange, request, record } = call
    const { service, kind } = request
    const body = kind === 'rpc' ? await RequestBody.read(exchange, request, limits.maxFetchRequest) : undefined
    record.command = body?.command
    if (body?.isProbe) await this.#answerProbe(call, found)
    else if (body && service === 'receive-pack') await servers.pushes.serve(call, found, body)
    else if (!found) throw repositoryMissing(service)
    else if (request.archive) await servers.archives.serve(call, found.gitDir, request.archive)
    else if (request.bundle !== undefined) await servers.bundles.serve(exchange, found.gitDir, request.bundle)
    else if (!body || isAboutReferences(body.command)) await servers.references.serve(call, found.gitDir, body)
    else await servers.fetches.serve(call, found.gitDir, body)
  }

  /** The probe succeeds also where the push itself would create the repository. */
  async #answerProbe({ exchange, request }: GitCall, found: Repository | undefined): Promise<void> {
    if (found) await checkServiceIsOn(this.#services.settings, found.gitDir, request, exchange)
    await exchange.reply(200, '', { 'Content-Type': contentType(request) })
  }
}

/** Of protocol version 2: what the cache of references answers. */
function isAboutReferences(command: string | undefined): boolean {
  return command === 'ls-refs' || command === 'bundle-uri'
}

function announcedBytes({ incoming }: Exchange): number {
  return Number(incoming.headers['content-length'] ?? 0)
}

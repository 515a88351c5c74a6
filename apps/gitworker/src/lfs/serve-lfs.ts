import { relative } from 'node:path'
import { clientKey } from '@sluice/shared/admission/client-key'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import { plainName } from '@sluice/shared/git/repository-name'
import { mayCreate } from '@sluice/shared/host-protocol/from-gateway'
import type { LfsRequest } from '@sluice/shared/lfs/lfs-request'
import { isWrite } from '@sluice/shared/lfs/remote-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { AuditLog } from '../audit/audit-log.ts'
import type { DiskSpace } from '../capacity/disk-space.ts'
import { confirmCopies } from '../copies/primary/confirm-copies.ts'
import type { Copies } from '../copies/primary/copies.ts'
import { placeFor } from '../creation/create-repository.ts'
import type { FirstPushServices } from '../creation/first-push.ts'
import type { Visit } from '../creation/new-repositories.ts'
import type { OpenCreation, UploadCreations } from '../events/intent/upload-creations.ts'
import { checkNoMirror, checkNotAwaited } from '../mirrors/mirror-refusals.ts'
import type { Mirrors } from '../mirrors/mirrors.ts'
import { checkNotReadOnly } from '../repository/read-only.ts'
import type { ReadOnlyRules } from '../repository/read-only.ts'
import { commonDirOf, findRepository } from '../repository/repository.ts'
import type { Repository } from '../repository/repository.ts'
import type { RepositoryUsers } from '../repository/repository-users.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import { answerBatch } from './batch/answer-batch.ts'
import type { BatchServices } from './batch/answer-batch.ts'
import { answerVerify } from './batch/answer-verify.ts'
import type { LfsCall } from './call/lfs-call.ts'
import type { Locks } from './locks/locks.ts'
import { serveLocks } from './locks/serve-locks.ts'
import type { LfsPlace } from './storage/lfs-storage.ts'
import type { Downloads } from './transfer/downloads.ts'
import type { Uploads } from './transfer/uploads.ts'

/*
 * A request of LFS's on its way through this host. Nothing here starts a process.
 *
 *   is LFS on? → find the repository → may it be written to? ─┬─▶ a batch, verify   answered from the storage
 *                     │                                       ├─▶ a download        a slot → the storage's bytes
 *                     │                                       ├─▶ an upload         a slot → checked, stored
 *                     └─ none: as a push that creates it      └─▶ locks
 */

export type LfsServices = {
  readonly isOn: boolean
  readonly disks: DiskSpace
  readonly readOnly: ReadOnlyRules
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: Pick<Mirrors, 'of'> | undefined
  /** Undefined where pushes are not recorded. */
  readonly auditLog: Pick<AuditLog, 'check'> | undefined
  readonly firstPushes: FirstPushServices
  /** Undefined where nobody is told of events. */
  readonly creations: Pick<UploadCreations, 'begin'> | undefined
  readonly users: RepositoryUsers
  readonly settings: ServiceSwitchServices
  readonly batches: BatchServices
  readonly downloads: Downloads
  readonly uploads: Uploads
  readonly locks: Locks
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Copies | undefined
}

/** Serves what clients of LFS ask. */
export class Lfs {
  readonly #services: LfsServices

  constructor(services: LfsServices) {
    this.#services = services
  }

  /** @throws {Refusal} where the client still has to be told */
  async serve(arrived: Omit<LfsCall, 'claim'>): Promise<void> {
    const { isOn, firstPushes, users } = this.#services
    const { exchange, request, record } = arrived
    if (!isOn) throw new Refusal('lfs_not_offered')
    if (request.kind === 'upload') exchange.watchUnreadBody()
    const claim = {
      repository: plainName(request.repository),
      client: clientKey(exchange.clientAddress, exchange.user),
    }
    const call = { ...arrived, claim }
    await using ending = new AsyncDisposableStack()
    // From when on a repository that was created is kept, or is none any more.
    await using _copied = { [Symbol.asyncDispose]: () => this.#confirmCreation(arrived) }
    // A repository that is created for an upload which then fails is removed when the last request to it has ended.
    await using visit = firstPushes.newRepositories.visit(claim.repository, request.repository, record)
    const existing = findRepository(firstPushes.root, request.repository)
    // Found and entered in one turn of the event loop, so that it cannot be moved away in between.
    using _use = existing && (isWrite(request) ? users.enter(existing.gitDir) : users.enterToRead(existing.gitDir))
    await this.#check(exchange, request, existing)
    record.phase = 'serving'
    const isNew = request.kind === 'upload' && (!existing || visit.isProvisional)
    const creation = isNew ? await this.#beginCreation(call, visit, ending) : undefined
    if (existing) {
      creation?.made(relative(firstPushes.root, existing.gitDir), false)
      return await this.#dispatch(call, placeOf(claim.repository, existing))
    }
    record.absent = true
    if (request.kind !== 'upload') return await this.#dispatch(call, undefined)
    const create = async () => {
      const hasMade = await visit.create([])
      delete record.absent
      const repository = findRepository(firstPushes.root, request.repository)
      if (!repository) throw new Refusal('cannot_create')
      if (hasMade) record.created = true
      if (visit.isProvisional) creation?.made(relative(firstPushes.root, repository.gitDir), hasMade)
      using entered = new DisposableStack()
      entered.use(users.enter(repository.gitDir))
      // It may be another one: a mirror, a read-only one, or one that is not renamed yet.
      if (!hasMade) await this.#check(exchange, request, repository)
      return { place: placeOf(claim.repository, repository), use: entered.move() }
    }
    await this.#services.uploads.serve({ ...call, request }, undefined, create)
  }

  async #confirmCreation({ request, record, tenure }: Omit<LfsCall, 'claim'>): Promise<void> {
    const { copies } = this.#services
    if (!copies || !tenure || !(record.created || record.takenBack)) return
    const confirming = confirmCopies(copies, request.repository, tenure)
    await confirming.catch((error: unknown) => (record.tidyError ??= error))
  }

  /**
   * Before a repository is made, it is written down that it may be. Whether it stays is known when the visit is over.
   *
   * @throws {Refusal} `events_unavailable`
   */
  async #beginCreation(
    { exchange, claim, request }: LfsCall,
    visit: Visit,
    ending: AsyncDisposableStack,
  ): Promise<OpenCreation | undefined> {
    const { creations, firstPushes } = this.#services
    const creation = await creations?.begin(claim.repository, { requestId: exchange.id, user: exchange.user })
    ending.defer(async () => {
      const found = visit.isProvisional ? undefined : findRepository(firstPushes.root, request.repository)
      await creation?.end(found && relative(firstPushes.root, found.gitDir))
    })
    return creation
  }

  /**
   * @throws {Refusal} `is_mirror`, `read_only`, `disk_low`, `audit_unavailable`, `service_disabled`; and where there is no
   *   repository, `repository_missing`, `cannot_create`, `name_too_long`
   */
  async #check(exchange: Exchange, request: LfsRequest, found: Repository | undefined): Promise<void> {
    const { readOnly, mirrors, disks, auditLog, firstPushes, settings } = this.#services
    const service = isWrite(request) ? 'receive-pack' : 'upload-pack'
    if (isWrite(request)) {
      checkNoMirror(mirrors, firstPushes.root, request.repository, found)
      checkNotReadOnly(readOnly, firstPushes.root, request.repository, found)
      await auditLog?.check()
    }
    if (request.kind === 'upload') await disks.checkPush(Number(exchange.incoming.headers['content-length'] ?? 0))
    if (found) return await checkServiceIsOn(settings, found.gitDir, { service }, exchange)
    checkNotAwaited(mirrors, plainName(request.repository))
    // The first objects come before the push that creates the repository.
    const mayBeCreated = isWrite(request) && firstPushes.createOnPush && mayCreate(exchange.incoming.headers)
    if (!mayBeCreated) throw repositoryMissing(service)
    placeFor(firstPushes.root, request.repository)
  }

  /** @param place undefined where the repository is yet to be created */
  async #dispatch(call: LfsCall, place: LfsPlace | undefined): Promise<void> {
    const { batches, downloads, uploads } = this.#services
    const { request } = call
    switch (request.kind) {
      case 'batch':
        return await answerBatch({ ...call, request }, place, batches)
      case 'verify':
        return await answerVerify({ ...call, request }, place, batches)
      case 'download':
        if (!place) throw repositoryMissing('upload-pack')
        return await downloads.serve({ ...call, request }, place)
      case 'upload':
        return await uploads.serve({ ...call, request }, place, async () => ({ place: place!, use: nothing }))
      case 'locks':
        return await serveLocks({ ...call, request }, place, this.#services)
      default:
        return request satisfies never
    }
  }
}

const nothing: Disposable = { [Symbol.dispose]() {} }

function placeOf(repository: string, { gitDir }: Repository): LfsPlace {
  return { repository, gitDir: commonDirOf(gitDir) }
}

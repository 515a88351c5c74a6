import type { Exchange } from '@sluice/shared/exchange/exchange'
import { mayCreate } from '@sluice/shared/host-protocol/from-gateway'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import type { RequestRecord } from '../operations/request-record.ts'
import { placeFor } from './create-repository.ts'
import type { ObjectFormat } from './create-repository.ts'
import type { NewRepositories, Visit } from './new-repositories.ts'
import { isCreation, isDeletion, PushCommands } from '../push/push-commands.ts'
import { isRefName } from '../git/ref-name.ts'
import { findRepository } from '../repository/repository.ts'
import type { Repository } from '../repository/repository.ts'
import type { RequestBody } from '../body/request-body.ts'

/*
 * A first push is shown an empty repository before its own exists. Its own is created once its commands have arrived, and
 * only if one of them creates a reference. Nothing else that is sent to a name without a repository changes the disk.
 */

/** A push with more commands than this is given to git unread. Whether it left anything is checked afterwards anyway. */
const maxCommandBytes = 1024 * 1024

export type FirstPushServices = {
  /** The real path of the folder below which all repositories lie. */
  readonly root: string
  readonly createOnPush: boolean
  readonly defaultObjectFormat: ObjectFormat
  readonly newRepositories: NewRepositories
}

/**
 * Admits a request to a repository that does not exist, if it may belong to a push that creates it.
 *
 * @returns for an advertisement, the empty repository to be shown in its place
 * @throws {Refusal} `repository_missing`, `cannot_create`, `name_too_long`, or `create_failed` if the empty one cannot be made
 */
export async function admitFirstPush(
  services: FirstPushServices,
  { incoming }: Exchange,
  request: GitRequest,
  record: RequestRecord,
): Promise<Repository | undefined> {
  const isPush = request.service === 'receive-pack'
  if (!services.createOnPush || !mayCreate(incoming.headers) || !isPush) throw repositoryMissing(request.service)
  placeFor(services.root, request.repository)
  record.absent = true
  return request.kind === 'advertisement' ? { gitDir: await services.newRepositories.empty.gitDir() } : undefined
}

/**
 * To be called before the push waits for anything.
 *
 * @throws {Refusal} `repository_missing` if what has arrived of it already shows that it creates no reference
 */
export function checkFirstPush(
  body: RequestBody,
  { defaultObjectFormat }: Pick<FirstPushServices, 'defaultObjectFormat'>,
): void {
  const push = new PushCommands()
  while (push.read(body.beginning));
  if ((push.isWhole || body.isWhole) && !creates(push, defaultObjectFormat)) throw nothingToCreate(defaultObjectFormat)
}

/**
 * Creates the repository of a push that has a slot, once its commands are known.
 *
 * @throws {Refusal} `repository_missing` if none creates a reference; `cannot_create`, `create_failed`; `bad_gzip`, or the
 *   reason why the exchange ended
 */
export async function createForPush(
  { root, defaultObjectFormat }: FirstPushServices,
  visit: Visit,
  { signal }: Exchange,
  { repository: name }: GitRequest,
  body: RequestBody,
  record: RequestRecord,
): Promise<Repository> {
  const push = new PushCommands()
  await body.readOn((beginning) => push.readOn(beginning), maxCommandBytes, signal)
  if ((push.isWhole || body.isWhole) && !creates(push, defaultObjectFormat)) throw nothingToCreate(defaultObjectFormat)
  const ids = push.commands.filter((command) => !isDeletion(command)).map(({ newId }) => newId)
  if (await visit.create(ids)) record.created = true
  delete record.absent
  const repository = findRepository(root, name)
  if (!repository) throw new Refusal('cannot_create')
  return repository
}

function creates({ commands }: PushCommands, format: ObjectFormat): boolean {
  const idLength = { sha1: 40, sha256: 64 }[format]
  return commands.some((command) => {
    const hasIds = command.oldId.length === idLength && command.newId.length === idLength
    // git allows names that are not UTF-8.
    const isName = isRefName(command.ref.replaceAll('\uFFFD', 'x'))
    return hasIds && isName && isCreation(command) && !isDeletion(command)
  })
}

function nothingToCreate(objectFormat: ObjectFormat): Refusal {
  const format = { sha1: 'SHA-1', sha256: 'SHA-256' }[objectFormat]
  return new Refusal('repository_missing', {
    sentence: `There is no repository of this name, and this push creates no reference (by ${format}) to create one with.`,
  })
}

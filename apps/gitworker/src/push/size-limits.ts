import { join } from 'node:path'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RequestBody } from '../body/request-body.ts'
import { fullSentence } from '../capacity/push-room.ts'
import type { PushRoom, RepositoryRoom } from '../capacity/push-room.ts'
import type { RepositorySizes } from '../capacity/repository-size.ts'
import { commonDirOf } from '../repository/repository.ts'
import { isDeletion, PushCommands } from './push-commands.ts'

/** A push with more commands than this counts as one that brings something. */
const maxCommandBytes = 1024 * 1024

export type SizeLimitServices = {
  /** The largest pack of one push, and the largest repository, in bytes, by the name as addressed; undefined is none. */
  readonly maxPush: (repository: string) => number | undefined
  readonly maxRepository: (repository: string) => number | undefined
  readonly sizes: RepositorySizes
  /** Of the objects in LFS, which count as well. What is more than `most` has been looked at just now. */
  readonly lfsBytes: (place: { readonly repository: string; readonly gitDir: string }, most: number) => Promise<number>
}

/** How much a push may bring. */
export class SizeLimits {
  readonly #services: SizeLimitServices

  constructor(services: SizeLimitServices) {
    this.#services = services
  }

  /**
   * To be called before git is started. Pushes that run at the same time are each given all the room there is.
   *
   * A repository that is full may still be pushed to where nothing but deletions is asked for, since they bring no pack.
   *
   * @param repository its name as addressed
   * @returns undefined where there is no limit
   * @throws {Refusal} `repository_full`, `bad_gzip`, or the reason why the exchange ended
   */
  async roomFor(
    exchange: Exchange,
    repository: string,
    gitDir: string,
    body: RequestBody,
  ): Promise<PushRoom | undefined> {
    const { maxPush, maxRepository, sizes, lfsBytes } = this.#services
    const largest = maxPush(repository)
    const limit = maxRepository(repository)
    const ofPush: PushRoom | undefined = largest === undefined ? undefined : { bytes: largest, of: 'push' }
    if (limit === undefined) return ofPush
    const commonDir = commonDirOf(gitDir)
    const ofGit = await sizes.of(join(commonDir, 'objects'))
    const most = limit - ofGit - (announcedLength(exchange) ?? 0)
    const used = ofGit + (await lfsBytes({ repository, gitDir: commonDir }, most))
    // For git, a limit of 0 is none.
    const left: RepositoryRoom = { bytes: Math.max(limit - used, 1), of: 'repository', limit, used }
    if (!(await mayFit(left, exchange, body))) throw new Refusal('repository_full', { sentence: fullSentence(left) })
    return ofPush && ofPush.bytes <= left.bytes ? ofPush : left
  }
}

/** Whether a push may fit, as far as its commands and its announced length tell. */
async function mayFit({ limit, used }: RepositoryRoom, exchange: Exchange, body: RequestBody): Promise<boolean> {
  const length = announcedLength(exchange)
  const left = limit - used
  if (left > 0 && (length ?? 0) <= left) return true
  const push = new PushCommands()
  await body.readOn((beginning) => push.readOn(beginning), maxCommandBytes, exchange.signal)
  const onlyDeletes = push.isWhole && push.commands.length > 0 && push.commands.every(isDeletion)
  return onlyDeletes || (left > 0 && (length ?? 0) - push.length <= left)
}

/** The length of the body as git reads it. Undefined where the client does not say it, or has compressed the body. */
function announcedLength({ incoming: { headers } }: Exchange): number | undefined {
  const length = headers['content-length']
  return length === undefined || headers['content-encoding'] !== undefined ? undefined : Number(length)
}

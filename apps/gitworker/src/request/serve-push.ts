import type { RequestBody } from '../body/request-body.ts'
import { checkFirstPush, createForPush } from '../creation/first-push.ts'
import type { FirstPushServices } from '../creation/first-push.ts'
import type { RefRules } from '@sluice/shared/git/ref-rules'
import { forRequest } from '../process/job/job.ts'
import { checkNoMirror } from '../mirrors/mirror-refusals.ts'
import type { MirrorTable } from '../mirrors/mirror-refusals.ts'
import { judgePush } from '../push/push-rules.ts'
import type { PushJudgement } from '../push/push-rules.ts'
import type { SizeLimits } from '../push/size-limits.ts'
import { refusePush } from '../push/refused-push.ts'
import { checkNotReadOnly } from '../repository/read-only.ts'
import type { MirrorMarks } from '../repository/mirror-mark.ts'
import type { ReadOnlyRules } from '../repository/read-only.ts'
import type { Repository } from '../repository/repository.ts'
import type { RepositoryUsers } from '../repository/repository-users.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import type { GitCall } from './git-call.ts'
import type { PushRuns } from './run-push.ts'
import type { Slots } from './slots.ts'

/*
 * The steps of a push:
 *
 *   wait for a slot                        slots
 *   in a cluster: still the primary?       cluster/placement/tenure
 *   find the repository, or create it      first-push, new-repositories
 *   a mirror, read-only, the service off?   mirrors, read-only, service-switch
 *   do the rules allow it?                 push-rules ────── no ──▶ give the slot back, refuse it: refused-push
 *   how much may it bring?                 size-limits
 *   run git, and tidy up after it          run-push
 *   give the slot back
 */

export type PushServices = {
  readonly slots: Slots
  readonly firstPushes: FirstPushServices
  readonly users: RepositoryUsers
  readonly settings: ServiceSwitchServices
  /** The rules for a repository by all of its names; undefined where there are none for any. */
  readonly protectedRefs: ((names: readonly string[]) => RefRules | undefined) | undefined
  readonly readOnly: ReadOnlyRules
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: MirrorTable | undefined
  readonly marks: Pick<MirrorMarks, 'remove'>
  readonly sizeLimits: SizeLimits
  readonly runs: PushRuns
}

type RefusedPush = PushJudgement & { readonly refused: NonNullable<PushJudgement['refused']> }

/** Serves pushes. */
export class Pushes {
  readonly #services: PushServices

  constructor(services: PushServices) {
    this.#services = services
  }

  /**
   * @param found undefined where the repository is yet to be created
   * @throws {Refusal} where git cannot be started
   */
  async serve(call: GitCall, found: Repository | undefined, body: RequestBody): Promise<void> {
    if (!found) checkFirstPush(body, this.#services.firstPushes)
    const refused = await this.#run(call, found, body)
    // Reading the rest of a refused push needs no slot.
    if (refused) await answerRefused(call, body, refused)
  }

  /**
   * Holds the slot until no process of the push lives and the files that it left have been removed.
   *
   * @returns why the rules refuse the push; undefined where they do not. git is not started for a refused push
   */
  async #run(call: GitCall, found: Repository | undefined, body: RequestBody): Promise<RefusedPush | undefined> {
    const { slots, firstPushes, settings, readOnly, mirrors, marks, sizeLimits, runs } = this.#services
    const { exchange, request, visit, record, tenure } = call
    using _slot = await slots.waitFor(call, body)
    await tenure?.begin(exchange.signal)
    // It may have become a mirror, or read-only, while the push waited.
    checkNoMirror(mirrors, firstPushes.root, request.repository, found)
    checkNotReadOnly(readOnly, firstPushes.root, request.repository, found)
    const { gitDir } = found ?? (await createForPush(firstPushes, visit, exchange, request, body, record))
    // The dispatcher has entered a repository that it found.
    using _use = found ? undefined : this.#services.users.enter(gitDir)
    await checkServiceIsOn(settings, gitDir, request, exchange)
    const judgement = await this.#judge(call, gitDir, body)
    if (judgement && isRefused(judgement)) return judgement
    await marks.remove(gitDir)
    const room = await sizeLimits.roomFor(exchange, request.repository, gitDir, body)
    await tenure?.begin(exchange.signal)
    await runs.run(call, gitDir, body, { denyForce: judgement?.denyForce ?? false, room })
    return undefined
  }

  /** @returns what the rules say; undefined where no rules apply to this repository */
  async #judge({ exchange, request }: GitCall, gitDir: string, body: RequestBody): Promise<PushJudgement | undefined> {
    const { protectedRefs: rulesOf, firstPushes, settings } = this.#services
    if (!rulesOf) return undefined
    const repository = { root: firstPushes.root, gitDir, name: request.repository, rulesOf }
    return await judgePush(exchange, repository, body, forRequest(exchange, settings.runJob))
  }
}

function isRefused(judgement: PushJudgement): judgement is RefusedPush {
  return judgement.refused !== undefined
}

async function answerRefused(
  { exchange, visit, record }: GitCall,
  body: RequestBody,
  { refused, push }: RefusedPush,
): Promise<void> {
  await visit.leave()
  record.protectedRefs = [...refused.objections.keys()].slice(0, 10).map(({ ref }) => ref.slice(0, 256))
  await refusePush(exchange, body, refused, push)
  record.refusal = refused.refusal
  record.outcome = refused.refusal.outcome
}

import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { serviceCommand } from '../git/command.ts'
import { openPushPlace } from '../hooks/push-place.ts'
import type { PushAllowance, PushPlaceServices } from '../hooks/push-place.ts'
import type { GitRun, GitRuns } from './git-runs.ts'

export type PushStarterServices = PushPlaceServices & {
  readonly gitRuns: GitRuns
  /** Milliseconds from the end of its input to SIGTERM, and from there to SIGKILL. */
  readonly pushGrace: number
  readonly killGrace: number
}

/** A push whose git runs, and whether a hook of its repository may answer in git's place (proc-receive). */
export type StartedPush = GitRun & { readonly hasProcReceive: boolean; readonly hasHooks: boolean }

/** Starts git for pushes. */
export class PushStarter {
  readonly #services: PushStarterServices

  constructor(services: PushStarterServices) {
    this.#services = services
  }

  /**
   * Starts git for a push that has a slot, with a folder of the push's own, which is removed after git's end.
   *
   * @param intended resolves when what the push wants is on the disk: git gets nothing of it before
   * @throws {Refusal} where there is no worker or no room, `repository_unreadable`, `hooks_unusable`, or the reason why
   *   the exchange ended
   */
  async start(
    { id, clientAddress: address, user, signal }: Pick<Exchange, 'id' | 'clientAddress' | 'user' | 'signal'>,
    request: GitRequest,
    gitDir: string,
    allowance: PushAllowance,
    intended: Promise<void>,
  ): Promise<StartedPush> {
    const { gitRuns, git, pushGrace, killGrace } = this.#services
    await using started = new AsyncDisposableStack()
    const place = started.use(await openPushPlace(this.#services, gitDir, allowance, { id, signal }))
    const command = serviceCommand(git, request, gitDir, { user, address }, place)
    const graces = { term: pushGrace, kill: killGrace, drain: true }
    const { worker, note } = started.use(
      await gitRuns.start({ requestId: id, request, gitDir, command, graces, signal }),
    )
    await intended
    const run = started.move()
    const { hasProcReceive, hasHooks } = place
    return { worker, note, hasProcReceive, hasHooks, [Symbol.asyncDispose]: () => run.disposeAsync() }
  }
}

import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { serviceCommand } from '../git/command.ts'
import { openPushPlace } from '../hooks/push-place.ts'
import type { PushPlaceServices } from '../hooks/push-place.ts'
import type { GitRun, GitRuns } from './git-runs.ts'

export type PushStarterServices = PushPlaceServices & {
  readonly gitRuns: GitRuns
  /** Milliseconds from the end of its input to SIGTERM, and from there to SIGKILL. */
  readonly pushGrace: number
  readonly killGrace: number
}

/** Starts git for pushes. */
export class PushStarter {
  readonly #services: PushStarterServices

  constructor(services: PushStarterServices) {
    this.#services = services
  }

  /**
   * Starts git for a push that has a slot, with a folder of the push's own, which is removed after git's end.
   *
   * @param denyForce whether this push may only fast-forward branches
   * @throws {Refusal} where there is no worker or no room, `repository_unreadable`, `hooks_unusable`, or the reason why
   *   the exchange ended
   */
  async start(
    { id, clientAddress: address, user, signal }: Pick<Exchange, 'id' | 'clientAddress' | 'user' | 'signal'>,
    request: GitRequest,
    gitDir: string,
    denyForce: boolean,
  ): Promise<GitRun> {
    const { gitRuns, git, pushGrace, killGrace } = this.#services
    await using started = new AsyncDisposableStack()
    const place = started.use(await openPushPlace(this.#services, request, gitDir, denyForce, { id, signal }))
    const command = serviceCommand(git, request, gitDir, { user, address }, place)
    const graces = { term: pushGrace, kill: killGrace, drain: true }
    const { worker, note } = started.use(
      await gitRuns.start({ requestId: id, request, gitDir, command, graces, signal }),
    )
    const run = started.move()
    return { worker, note, [Symbol.asyncDispose]: () => run.disposeAsync() }
  }
}

import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RepositoryUsers } from './repository-users.ts'

/**
 * Lets one at a time work on a repository of those that do so on the host's own account: maintenance, and the fetches of a
 * mirror. Requests go on beside them. Each gives way where the repository is to be moved: see RepositoryUsers.
 */
export class ExclusiveWork {
  readonly #users: RepositoryUsers
  readonly #taken = new Set<string>()

  constructor(users: RepositoryUsers) {
    this.#users = users
  }

  /**
   * To be called in the same turn of the event loop in which the repository was found.
   *
   * @param onClosing ends this work, which can be begun again, when the repository is to be closed
   * @throws {Refusal} `repository_busy` where another is at work, `repository_moving`
   */
  enter(gitDir: string, onClosing: () => void): Disposable {
    if (this.#taken.has(gitDir)) throw new Refusal('repository_busy')
    using entered = new DisposableStack()
    entered.use(this.#users.enter(gitDir, onClosing))
    this.#taken.add(gitDir)
    entered.defer(() => this.#taken.delete(gitDir))
    return entered.move()
  }
}

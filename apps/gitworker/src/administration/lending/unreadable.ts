import { Refusal } from '@sluice/shared/refusal/refusal'
import { errnoOf } from '@sluice/shared/machine/errno'
import { isBelow } from '../../repository/repository.ts'

/** So many are kept in mind. */
const most = 10

/** What could not be read while it was looked for who borrows objects. Until it can, every repository may be a lender. */
export class Unreadable {
  readonly #found = new Map<string, unknown>()

  readonly add = (path: string, error: unknown): void => {
    if (this.#found.size < most) this.#found.set(path, error)
  }

  /**
   * Why nothing may be removed from a repository. Undefined if nothing stands against it: it does not borrow from itself.
   *
   * @returns a refusal for `borrowers_unknown`
   */
  refusalFor(gitDir: string): Refusal | undefined {
    const [first] = [...this.#found].filter(([path]) => !isBelow(gitDir, path))
    if (first === undefined) return undefined
    const [path, cause] = first
    const sentence = `It is not known who borrows objects from this repository, so it was left as it is: ${path} cannot be read (${whyOf(cause)}). Let the server read it, or move it out of the root, and try again.`
    return new Refusal('borrowers_unknown', { sentence, cause })
  }
}

function whyOf(error: unknown): string {
  const cause = error instanceof Refusal ? (error.cause ?? error) : error
  return errnoOf(cause) || (cause instanceof Error ? cause.message : String(cause))
}

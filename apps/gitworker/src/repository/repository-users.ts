import { addAbortListener } from 'node:events'
import { Refusal } from '@sluice/shared/refusal/refusal'

/*
 * The requests that are at work in each repository, by its git directory, so that it is not moved away under them:
 *
 *   open ──close──▶ closing ──the last request leaves──▶ closed ──disposed──▶ open
 *                      └── it takes too long, or is aborted ──▶ open
 *
 * While a repository is closing or closed, new requests are refused.
 */

type Uses = {
  /** Requests that are at work in it. */
  count: number
  /** Set while it is closing or closed: to be called when the last request leaves. */
  onUnused: (() => void) | undefined
  /** To be called when it is to be closed: they end those uses that can be begun again. */
  readonly onClosing: Set<() => void>
}

export class RepositoryUsers {
  readonly #uses = new Map<string, Uses>()

  /**
   * To be called in the same turn of the event loop in which the repository was found.
   *
   * @param onClosing ends this use, which can be begun again, when the repository is to be closed
   * @throws {Refusal} `repository_moving`
   */
  enter(gitDir: string, onClosing?: () => void): Disposable {
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused) throw new Refusal('repository_moving')
    return this.#enter(gitDir, uses, onClosing)
  }

  /**
   * Enters for something that a request which is at work there waits for, and so also while the repository is closing.
   *
   * @throws {Refusal} `repository_moving`
   */
  join(gitDir: string): Disposable {
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused && uses.count === 0) throw new Refusal('repository_moving')
    return this.#enter(gitDir, uses)
  }

  /** How many requests are at work in a repository. */
  count(gitDir: string): number {
    return this.#uses.get(gitDir)?.count ?? 0
  }

  #enter(gitDir: string, uses: Uses, onClosing?: () => void): Disposable {
    uses.count++
    if (onClosing) uses.onClosing.add(onClosing)
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        uses.count--
        if (onClosing) uses.onClosing.delete(onClosing)
        if (uses.count > 0) return
        if (uses.onUnused) uses.onUnused()
        else this.#uses.delete(gitDir)
      },
    }
  }

  /**
   * Refuses new requests to a repository until disposed of, and waits until those that are at work in it are over.
   *
   * @throws {Refusal} `repository_in_use` where they take longer
   * @throws the signal's reason
   */
  async close(gitDir: string, timeoutMs: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused) throw new Refusal('repository_busy')
    const { promise: unused, resolve, reject } = Promise.withResolvers<void>()
    uses.onUnused = resolve
    for (const end of uses.onClosing) end()
    if (uses.count === 0) resolve()
    const timer = setTimeout(() => reject(inUse(uses.count, timeoutMs)), timeoutMs)
    using _giving = addAbortListener(signal, () => reject(signal.reason))
    try {
      await unused
      return { [Symbol.dispose]: () => this.#open(gitDir, uses) }
    } catch (error) {
      this.#open(gitDir, uses)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #open(gitDir: string, uses: Uses): void {
    uses.onUnused = undefined
    if (uses.count === 0) this.#uses.delete(gitDir)
  }

  #usesOf(gitDir: string): Uses {
    let uses = this.#uses.get(gitDir)
    if (!uses) {
      uses = { count: 0, onUnused: undefined, onClosing: new Set() }
      this.#uses.set(gitDir, uses)
    }
    return uses
  }
}

function inUse(count: number, timeoutMs: number): Refusal {
  const requests = count === 1 ? 'One request is' : `${count} requests are`
  return new Refusal('repository_in_use', {
    sentence: `${requests} still at work in this repository after ${timeoutMs / 1000} s, so it was left as it is. Try again later.`,
  })
}

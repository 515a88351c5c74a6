import { addAbortListener } from 'node:events'
import { Refusal } from '@sluice/shared/refusal/refusal'

/*
 * The requests that are at work in each repository, by its git directory, so that it is not moved away under them:
 *
 *   open ──close──▶ closing ──the last request leaves──▶ closed ──disposed──▶ open
 *                      └── it takes too long, or is aborted ──▶ open
 *
 * While a repository is closing or closed, new requests are refused. It may be closed to changes first, in the same way:
 * then those that only read go on, and new ones are taken.
 */

type Uses = {
  /** Requests that are at work in it. */
  count: number
  /** Those of them that may change it. */
  changing: number
  /** Set while it is closing or closed: to be called when the last request leaves. */
  onUnused: (() => void) | undefined
  /** Set while it is closing or closed to changes: to be called when the last request that may change it leaves. */
  onUnchanged: (() => void) | undefined
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
    if (uses.onUnchanged) throw new Refusal('repository_moving', { sentence: changesWait })
    return this.#enter(gitDir, uses, true, onClosing)
  }

  /** The same for what changes nothing. @throws {Refusal} `repository_moving` */
  enterToRead(gitDir: string): Disposable {
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused) throw new Refusal('repository_moving')
    return this.#enter(gitDir, uses, false)
  }

  /**
   * Enters for something that a request which is at work there waits for, and so also while the repository is closing.
   *
   * @throws {Refusal} `repository_moving`
   */
  join(gitDir: string): Disposable {
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused && uses.count === 0) throw new Refusal('repository_moving')
    return this.#enter(gitDir, uses, false)
  }

  /** How many requests are at work in a repository. */
  count(gitDir: string): number {
    return this.#uses.get(gitDir)?.count ?? 0
  }

  #enter(gitDir: string, uses: Uses, mayChange: boolean, onClosing?: () => void): Disposable {
    uses.count++
    if (mayChange) uses.changing++
    if (onClosing) uses.onClosing.add(onClosing)
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        uses.count--
        if (mayChange) uses.changing--
        if (onClosing) uses.onClosing.delete(onClosing)
        if (uses.changing === 0) uses.onUnchanged?.()
        if (uses.count === 0) uses.onUnused?.()
        this.#forget(gitDir, uses)
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
    return await this.#close(gitDir, { whose: 'onUnused', count: 'count' }, timeoutMs, signal)
  }

  /**
   * The same for requests that may change it. Those that only read go on. It may be closed to all of them besides.
   *
   * @throws {Refusal} `repository_in_use` where they take longer
   * @throws the signal's reason
   */
  async closeToChanges(gitDir: string, timeoutMs: number, signal: AbortSignal): Promise<Disposable> {
    return await this.#close(gitDir, { whose: 'onUnchanged', count: 'changing' }, timeoutMs, signal)
  }

  async #close(gitDir: string, { whose, count }: Closing, timeoutMs: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const uses = this.#usesOf(gitDir)
    if (uses.onUnused || uses[whose]) throw new Refusal('repository_busy')
    const { promise: unused, resolve, reject } = Promise.withResolvers<void>()
    uses[whose] = resolve
    const open = () => {
      uses[whose] = undefined
      this.#forget(gitDir, uses)
    }
    for (const end of uses.onClosing) end()
    if (uses[count] === 0) resolve()
    const timer = setTimeout(() => reject(inUse(uses[count], timeoutMs)), timeoutMs)
    using _giving = addAbortListener(signal, () => reject(signal.reason))
    try {
      await unused
      return { [Symbol.dispose]: open }
    } catch (error) {
      open()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #forget(gitDir: string, uses: Uses): void {
    if (uses.count === 0 && !uses.onUnused && !uses.onUnchanged) this.#uses.delete(gitDir)
  }

  #usesOf(gitDir: string): Uses {
    let uses = this.#uses.get(gitDir)
    if (!uses) {
      uses = { count: 0, changing: 0, onUnused: undefined, onUnchanged: undefined, onClosing: new Set() }
      this.#uses.set(gitDir, uses)
    }
    return uses
  }
}

/** What is closed: to all requests, or to those that may change the repository. */
type Closing =
  | { readonly whose: 'onUnused'; readonly count: 'count' }
  | { readonly whose: 'onUnchanged'; readonly count: 'changing' }

const changesWait =
  'This repository is moving to another host under a new name, so it takes no pushes at the moment. Please try again in a moment, and ask for its new name if it is gone then.'

function inUse(count: number, timeoutMs: number): Refusal {
  const requests = count === 1 ? 'One request is' : `${count} requests are`
  return new Refusal('repository_in_use', {
    sentence: `${requests} still at work in this repository after ${timeoutMs / 1000} s, so it was left as it is. Try again later.`,
  })
}

import { LRUCache } from 'lru-cache'
import { fingerprintOf } from '../fingerprint/fingerprint.ts'
import type { Fingerprint, Scope } from '../fingerprint/fingerprint.ts'

/** A state of a repository. What was made of it is found by its id only, and is out of reach once it is replaced. */
export type Snapshot = { readonly id: number; readonly fingerprint: Fingerprint }

export type SnapshotOptions = {
  readonly maxRepositories: number
  readonly maxBytes: number
  /** How old a file must be to be told from what it becomes, where its time may be a whole second's: see fingerprint.ts. */
  readonly racyWindowMs?: number | undefined
  /** The same where its time is finer than a millisecond. */
  readonly fineRacyWindowMs?: number | undefined
  /** Milliseconds since 1970, by the clock that stamps files. */
  readonly now?: (() => number) | undefined
  /** Nothing that was made of the snapshot with this id will be found any more. */
  readonly onGone?: ((id: number) => void) | undefined
}

/** The last known states of repositories, each for as long as its fingerprint stands. */
export class Snapshots implements Disposable {
  readonly #snapshots: LRUCache<string, Snapshot>
  readonly #racyWindowMs: number
  readonly #fineRacyWindowMs: number
  readonly #now: () => number
  #lastId = 0

  constructor(options: SnapshotOptions) {
    this.#racyWindowMs = options.racyWindowMs ?? 1100
    this.#fineRacyWindowMs = Math.min(this.#racyWindowMs, options.fineRacyWindowMs ?? 250)
    this.#now = options.now ?? Date.now
    this.#snapshots = new LRUCache({
      max: options.maxRepositories,
      maxSize: options.maxBytes,
      sizeCalculation: ({ fingerprint }, name) => fingerprint.bytes + name.length + entryBytes,
      dispose: ({ id, fingerprint }) => {
        fingerprint[Symbol.dispose]()
        options.onGone?.(id)
      },
    })
  }

  /** What is known, whether it stands or not. */
  peek(gitDir: string, scope: Scope): Snapshot | undefined {
    return this.#snapshots.get(nameOf(gitDir, scope))
  }

  /** The state that the repository is in; undefined while that is not known: it has just changed, or is not understood. */
  now(gitDir: string, scope: Scope): Snapshot | undefined {
    const known = this.peek(gitDir, scope)
    if (known?.fingerprint.stands()) return known
    this.drop(gitDir, scope)
    const now = this.#now()
    const fingerprint = fingerprintOf(gitDir, scope, now - this.#racyWindowMs, now - this.#fineRacyWindowMs)
    if (!fingerprint) return undefined
    const snapshot = { id: ++this.#lastId, fingerprint }
    this.#snapshots.set(nameOf(gitDir, scope), snapshot)
    if (this.peek(gitDir, scope) === snapshot) return snapshot
    // Larger than all of the memory for them.
    fingerprint[Symbol.dispose]()
    return undefined
  }

  drop(gitDir: string, scope: Scope): void {
    this.#snapshots.delete(nameOf(gitDir, scope))
  }

  [Symbol.dispose](): void {
    this.#snapshots.clear()
  }
}

/** What an entry takes up besides what is in it, roughly. */
export const entryBytes = 200

function nameOf(gitDir: string, scope: Scope): string {
  return `${scope} ${gitDir}`
}

import { LRUCache } from 'lru-cache'
import { fingerprintOf } from '../fingerprint/fingerprint.ts'
import type { Fingerprint, Scope } from '../fingerprint/fingerprint.ts'

/** A state of a repository. Entries are found by its id, so that they are out of reach once it is replaced. */
export type Snapshot = { readonly id: number; readonly fingerprint: Fingerprint }

export type SnapshotOptions = {
  readonly maxRepositories: number
  readonly maxBytes: number
  /**
   * In milliseconds: a file that changed more recently is racy (see fingerprint.ts). This one is for files whose times may
   * be whole seconds.
   */
  readonly racyWindowMs?: number | undefined
  /** The same for files whose times are finer than a millisecond. */
  readonly fineRacyWindowMs?: number | undefined
  /** Milliseconds since 1970, by the clock that stamps files. */
  readonly now?: (() => number) | undefined
  /** The snapshot with this id has been dropped: nothing that was kept for it will be found any more. */
  readonly onGone?: ((id: number) => void) | undefined
}

/** The last known states of repositories. Each is kept until its fingerprint no longer stands. */
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

  /** The last known state, whether or not it still stands. */
  peek(gitDir: string, scope: Scope): Snapshot | undefined {
    return this.#snapshots.get(nameOf(gitDir, scope))
  }

  /** The present state. Undefined while it is not known: the repository has just changed, or is not understood. */
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
    // It was not taken in, because it is larger than all of the memory for snapshots.
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

/** Roughly the memory that an entry takes up besides its content. */
export const entryBytes = 200

function nameOf(gitDir: string, scope: Scope): string {
  return `${scope} ${gitDir}`
}

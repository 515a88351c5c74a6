import { LRUCache } from 'lru-cache'
import type { CacheKey } from './cache-key.ts'
import { entryBytes, Snapshots } from './snapshots.ts'
import type { Snapshot, SnapshotOptions } from './snapshots.ts'

/** A reply that git is about to write, and that may become an entry. */
export type PendingEntry = {
  /** A longer reply is not kept. */
  readonly maxBytes: number
  /**
   * Call it when git has ended with exit code 0, with everything that it wrote to standard output.
   *
   * @returns whether the reply was kept
   */
  store(reply: Buffer): boolean
}

export type ReferenceCacheOptions = Partial<Omit<SnapshotOptions, 'maxBytes'>> & {
  /** The bound of the whole cache, including fingerprints. */
  readonly maxBytes?: number
  readonly maxEntryBytes?: number
}

/**
 * Keeps git's replies about references: advertisements and `ls-refs`. An entry is used for as long as git would give the
 * same reply. Each look-up finds that out from the repository's files (fingerprint.ts). In addition, the references of a
 * repository are not cached while a push to it is under way.
 */
export class ReferenceCache implements Disposable {
  hits = 0
  misses = 0
  /** Replies that could not be kept: their repository was pushed to, had just changed, or is not understood; or too large. */
  uncacheable = 0
  readonly #snapshots: Snapshots
  readonly #entries: LRUCache<string, Buffer>
  /** The number of pushes under way, by repository. */
  readonly #pushes = new Map<string, number>()
  readonly #maxEntryBytes: number

  constructor(options: ReferenceCacheOptions = {}) {
    const { maxBytes = 64 * 1024 * 1024, maxRepositories = 4096 } = options
    this.#maxEntryBytes = options.maxEntryBytes ?? Math.floor(maxBytes / 8)
    this.#snapshots = new Snapshots({ ...options, maxRepositories, maxBytes: Math.ceil(maxBytes / 4) })
    this.#entries = new LRUCache({
      maxSize: Math.ceil((maxBytes * 3) / 4),
      sizeCalculation: (reply, name) => reply.length + name.length + entryBytes,
    })
  }

  /** @returns the reply that git would give now, which must not be changed */
  lookUp(key: CacheKey): Buffer | undefined {
    const reply = this.#find(key)
    if (reply) this.hits++
    else this.misses++
    return reply
  }

  /** Call it before git is started. @returns undefined if the reply may not be kept */
  prepareEntry(key: CacheKey): PendingEntry | undefined {
    const snapshot = this.#isPushedTo(key) ? undefined : this.#snapshots.now(key.gitDir, scopeOf(key))
    if (snapshot && !key.uncacheableBecause.some((trait) => snapshot.fingerprint.traits.has(trait))) {
      return { maxBytes: this.#maxEntryBytes, store: (reply) => this.#store(key, snapshot, reply) }
    }
    this.uncacheable++
    return undefined
  }

  /**
   * A number that changes whenever something changes that a pack from this repository depends on, or with `refs`, whenever
   * any of its references does. Undefined while that is not known: the repository has just changed, or is not understood.
   */
  stateOf(gitDir: string, scope: 'pack' | 'refs' = 'pack'): number | undefined {
    if (scope === 'refs' && this.#pushes.has(gitDir)) return undefined
    const snapshot = this.#snapshots.now(gitDir, scope)
    return snapshot?.fingerprint.traits.has('promisor') ? undefined : snapshot?.id
  }

  /**
   * Hold it from before git is started for a push until nothing of the push can change the repository any more. Until then,
   * its references are neither looked up nor kept. Entries that were prepared before the push can no longer be stored.
   */
  pushing(gitDir: string): Disposable {
    this.#pushes.set(gitDir, (this.#pushes.get(gitDir) ?? 0) + 1)
    // A pending entry belongs to one snapshot. No snapshot of references is taken before the push is over.
    this.#snapshots.drop(gitDir, 'refs')
    this.#snapshots.drop(gitDir, 'pack')
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        this.#snapshots.drop(gitDir, 'pack')
        const others = (this.#pushes.get(gitDir) ?? 1) - 1
        if (others > 0) this.#pushes.set(gitDir, others)
        else this.#pushes.delete(gitDir)
      },
    }
  }

  /** To be called when a repository is about to leave its place, which another may take. */
  forget(gitDir: string): void {
    for (const scope of ['config', 'refs', 'pack'] as const) this.#snapshots.drop(gitDir, scope)
  }

  [Symbol.dispose](): void {
    this.#snapshots[Symbol.dispose]()
    this.#entries.clear()
  }

  /** Capabilities depend on the configuration alone, which no push writes. */
  #isPushedTo({ gitDir, kind }: CacheKey): boolean {
    return kind === 'refs' && this.#pushes.has(gitDir)
  }

  #find(key: CacheKey): Buffer | undefined {
    if (this.#isPushedTo(key)) return undefined
    const snapshot = this.#snapshots.peek(key.gitDir, scopeOf(key))
    const reply = snapshot && this.#entries.get(entryName(snapshot, key))
    if (!reply) return undefined
    if (snapshot.fingerprint.stands()) return reply
    this.#snapshots.drop(key.gitDir, scopeOf(key))
    return undefined
  }

  #store(key: CacheKey, snapshot: Snapshot, reply: Buffer): boolean {
    const isKept =
      reply.length <= this.#maxEntryBytes &&
      this.#snapshots.peek(key.gitDir, scopeOf(key)) === snapshot &&
      snapshot.fingerprint.stands()
    if (isKept) this.#entries.set(entryName(snapshot, key), copyOf(reply))
    else this.uncacheable++
    return isKept
  }
}

function scopeOf({ kind }: CacheKey): 'config' | 'refs' {
  return kind === 'capabilities' ? 'config' : 'refs'
}

function entryName({ id }: Snapshot, { variant }: CacheKey): string {
  return `${id} ${variant}`
}

/** In memory of its own: a slice would keep the whole buffer alive that it was cut from. */
function copyOf(reply: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(reply.length)
  reply.copy(copy)
  return copy
}

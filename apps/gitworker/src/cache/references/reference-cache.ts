import { LRUCache } from 'lru-cache'
import type { Trait } from '../fingerprint/repository-config.ts'
import { entryBytes, Snapshots } from './snapshots.ts'
import type { Snapshot, SnapshotOptions } from './snapshots.ts'

export type Question = {
  /** A real path: one for a repository, whatever name led to it. */
  readonly gitDir: string
  /** What the answer depends on: the configuration only, or the references too. */
  readonly kind: 'capabilities' | 'refs'
  /** Everything else that the answer depends on. */
  readonly key: string
  /** With any of these in the repository the answer is not the same twice. */
  readonly spoiltBy: readonly Trait[]
}

/** A question that git has been asked. */
export type Answering = {
  /** A longer answer is not kept. */
  readonly maxBytes: number
  /**
   * To be called when git has ended with 0, with all that it wrote to standard output.
   *
   * @returns whether it was kept
   */
  store(bytes: Buffer): boolean
}

export type AnswerCacheOptions = Partial<Omit<SnapshotOptions, 'maxBytes'>> & {
  /** In all, fingerprints included. */
  readonly maxBytes?: number
  readonly maxAnswerBytes?: number
}

/**
 * git's answers, given again for as long as git would give the same. Which that is, the repository itself is asked each
 * time (fingerprint.ts). A push through this host, besides, takes its repository out of here for as long as it lasts.
 */
export class AnswerCache implements Disposable {
  hits = 0
  misses = 0
  /** Questions whose answers were not to be kept: while pushed to, just changed, not understood, or too large. */
  notCacheable = 0
  readonly #snapshots: Snapshots
  readonly #answers: LRUCache<string, Buffer>
  /** How many pushes are under way, by repository. */
  readonly #pushes = new Map<string, number>()
  readonly #maxAnswerBytes: number

  constructor(options: AnswerCacheOptions = {}) {
    const { maxBytes = 64 * 1024 * 1024, maxRepositories = 4096 } = options
    this.#maxAnswerBytes = options.maxAnswerBytes ?? Math.floor(maxBytes / 8)
    this.#snapshots = new Snapshots({ ...options, maxRepositories, maxBytes: Math.ceil(maxBytes / 4) })
    this.#answers = new LRUCache({
      maxSize: Math.ceil((maxBytes * 3) / 4),
      sizeCalculation: (bytes, key) => bytes.length + key.length + entryBytes,
    })
  }

  /** @returns what git would answer now, to be read only */
  lookUp(question: Question): Buffer | undefined {
    const bytes = this.#find(question)
    if (bytes) this.hits++
    else this.misses++
    return bytes
  }

  /** To be called before git starts. @returns undefined if its answer is not to be kept */
  ask(question: Question): Answering | undefined {
    const snapshot = this.#isPushedTo(question) ? undefined : this.#snapshots.now(question.gitDir, scopeOf(question))
    if (snapshot && !question.spoiltBy.some((trait) => snapshot.fingerprint.traits.has(trait))) {
      return { maxBytes: this.#maxAnswerBytes, store: (bytes) => this.#store(question, snapshot, bytes) }
    }
    this.notCacheable++
    return undefined
  }

  /**
   * A number that changes when anything does that a pack from this repository depends on. Undefined while that is not
   * known: something has just changed, or is not understood.
   */
  stateOf(gitDir: string): number | undefined {
    const snapshot = this.#snapshots.now(gitDir, 'pack')
    return snapshot?.fingerprint.traits.has('promisor') ? undefined : snapshot?.id
  }

  /**
   * To be held from before git is started for a push until nothing of it can change the repository any more: nothing is
   * looked up or asked in between, and what was asked before it can no longer be kept.
   */
  pushing(gitDir: string): Disposable {
    this.#pushes.set(gitDir, (this.#pushes.get(gitDir) ?? 0) + 1)
    // The snapshot that an answer belongs to is its generation. None of references can come about before the push is over.
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

  [Symbol.dispose](): void {
    this.#snapshots[Symbol.dispose]()
    this.#answers.clear()
  }

  /** Capabilities follow from the configuration alone, which no push writes. */
  #isPushedTo({ gitDir, kind }: Question): boolean {
    return kind === 'refs' && this.#pushes.has(gitDir)
  }

  #find(question: Question): Buffer | undefined {
    if (this.#isPushedTo(question)) return undefined
    const snapshot = this.#snapshots.peek(question.gitDir, scopeOf(question))
    const bytes = snapshot && this.#answers.get(keyOf(snapshot, question))
    if (!bytes) return undefined
    if (snapshot.fingerprint.stands()) return bytes
    this.#snapshots.drop(question.gitDir, scopeOf(question))
    return undefined
  }

  #store(question: Question, snapshot: Snapshot, bytes: Buffer): boolean {
    const isKept =
      bytes.length <= this.#maxAnswerBytes &&
      this.#snapshots.peek(question.gitDir, scopeOf(question)) === snapshot &&
      snapshot.fingerprint.stands()
    if (isKept) this.#answers.set(keyOf(snapshot, question), copyOf(bytes))
    else this.notCacheable++
    return isKept
  }
}

function scopeOf({ kind }: Question): 'config' | 'refs' {
  return kind === 'capabilities' ? 'config' : 'refs'
}

function keyOf({ id }: Snapshot, { key }: Question): string {
  return `${id} ${key}`
}

/** Of its own memory: a slice would keep alive all that it was cut from. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

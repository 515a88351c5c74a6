/*
 * What a cluster agrees on: some thousand small keys, leases, and changes that are all or nothing. There are two
 * implementations: one in this process, for a cluster of one and for tests, and one over etcd. Both behave the same.
 *
 * A revision counts the changes of all keys. Each swap that changes something gets the next one, for all its keys, and so
 * does the end of a lease that had keys.
 */

/** One key, as of its last change. */
export type Entry = {
  readonly key: string
  readonly value: string
  /** The revision of its last change. */
  readonly revision: number
}

/** A key that has changed; `value` is undefined where it was deleted, or its lease has ended. */
export type Change = { readonly key: string; readonly value: string | undefined; readonly revision: number }

/**
 * What a watch brings: first all keys, then changes, without a gap and none twice. What has changed together comes together.
 * After a gap that cannot be filled, all keys come again.
 */
export type Watched =
  | { readonly kind: 'all'; readonly revision: number; readonly entries: readonly Entry[] }
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly Change[] }

/** One part of a swap. */
export type Swap = {
  readonly key: string
  /** The revision that the key must have; 0: it must not exist. Undefined: it may be anything. */
  readonly expected: number | undefined
  /** Its new value. Undefined deletes it; `keep` only compares. */
  readonly value: string | undefined | typeof keep
  /** The key goes when this lease ends. */
  readonly lease?: Lease
}

export const keep = Symbol('keep')

/** Parts of one swap, at most: etcd's own bound (`--max-txn-ops`). */
export const mostSwapped = 128

export type Swapped = {
  /** Whether all keys were as expected, and all of it was done. Otherwise nothing was. */
  readonly isDone: boolean
  /** That of the change, if something has changed; otherwise the coordinator's at that moment. */
  readonly revision: number
}

/**
 * A promise of the coordinator that the keys under it stay, for as long as it is renewed. It renews itself. Disposing of it
 * ends it, and the keys go.
 */
export type Lease = AsyncDisposable & {
  readonly id: string
  /** Milliseconds, as granted: the coordinator may have chosen more. */
  readonly ttl: number
  /**
   * Whether it is surely live: by the monotonic clock of this process alone, counted from before the last renewal was sent,
   * less a margin. Nobody else's clock counts.
   */
  readonly isLive: boolean
  /** Aborted when the coordinator says that it has ended, or it was disposed of. */
  readonly ended: AbortSignal
}

/** Thrown where the coordinator cannot be reached, does not answer in time, or refuses. */
export class CoordinatorError extends Error {
  override readonly name = 'CoordinatorError'
  /** Whether what was asked may have been done all the same: look before you ask again. */
  readonly mayBeDone: boolean

  constructor(message: string, options: ErrorOptions & { readonly mayBeDone?: boolean } = {}) {
    super(message, options)
    this.mayBeDone = options.mayBeDone ?? false
  }
}

/** Disposing of it ends what it does. Its leases are renewed no more; dispose of them before, and they end at once. */
export type Coordinator = AsyncDisposable & {
  /** All keys that begin with a prefix, in their order, as of one revision. @throws {CoordinatorError} */
  read(prefix: string): Promise<{ readonly revision: number; readonly entries: readonly Entry[] }>
  /**
   * Watches all keys that begin with a prefix, until the signal is aborted. Never throws: while the coordinator is away, it
   * brings nothing, and then goes on from where it was.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<Watched>
  /**
   * Changes keys, all or none.
   *
   * @throws {CoordinatorError} also where a part is on a lease that has ended
   * @throws {RangeError} where there are too many parts, or one key is there twice
   */
  swap(parts: readonly Swap[]): Promise<Swapped>
  /** @param ttl milliseconds, in whole seconds @throws {CoordinatorError} */
  grantLease(ttl: number): Promise<Lease>
}

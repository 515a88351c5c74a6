import { addAbortListener } from 'node:events'
import { CoordinatorError } from '../coordinator.ts'
import type { Coordinator, Lease, Swap, Swapped, Watched } from '../coordinator.ts'
import type { RenewedLease } from '../lease/renewed-lease.ts'
import { checkSwap } from '../swap-rules.ts'
import { grantEtcdLease } from './calls/etcd-lease.ts'
import { isRefusal, MemberFailure, words } from './members/member-failure.ts'
import type { Members } from './members/members.ts'
import { readKeys } from './calls/read-keys.ts'
import { swapKeys } from './calls/swap-keys.ts'
import { watchKeys } from './watch/watch-keys.ts'
import { Watchdogs } from './watch/watchdogs.ts'

/** A coordinator over etcd (3.4 or newer), by its JSON gateway. All its reads are linearizable. */
export class EtcdCoordinator implements Coordinator {
  readonly #members: Members
  readonly #watchdogs: Watchdogs
  readonly #connection: AsyncDisposable
  readonly #closed = new AbortController()
  readonly #leases = new Map<string, RenewedLease>()

  /** @param connection that is closed with it */
  constructor(members: Members, connection: AsyncDisposable) {
    this.#members = members
    this.#watchdogs = new Watchdogs(members)
    this.#connection = connection
  }

  async read(prefix: string): ReturnType<Coordinator['read']> {
    return await asked(readKeys(this.#members, prefix, this.#closed.signal))
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<Watched, void> {
    const over = new AbortController()
    using _listener = addAbortListener(signal, () => over.abort(signal.reason))
    using _closing = addAbortListener(this.#closed.signal, () => over.abort())
    yield* watchKeys(this.#members, this.#watchdogs, prefix, over.signal)
  }

  async swap(parts: readonly Swap[]): Promise<Swapped> {
    checkSwap(parts)
    try {
      return await swapKeys(this.#members, parts, this.#closed.signal)
    } catch (error) {
      if (isRefusal(error, words.leaseNotFound)) await this.#askForLeases(parts)
      throw asCoordinatorError(error)
    }
  }

  /** One of them has ended, and etcd does not say which. */
  async #askForLeases(parts: readonly Swap[]): Promise<void> {
    const ids = new Set(parts.flatMap(({ lease }) => lease?.id ?? []))
    for (const id of ids) await this.#leases.get(id)?.renewNow()
  }

  async grantLease(ttl: number): Promise<Lease> {
    const lease = await asked(grantEtcdLease(this.#members, ttl, this.#closed.signal))
    if (this.#closed.signal.aborted) await lease.abandon()
    this.#leases.set(lease.id, lease)
    lease.ended.addEventListener('abort', () => this.#leases.delete(lease.id), { once: true })
    return lease
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#leases.values()].map((lease) => lease.abandon()))
    await this.#connection[Symbol.asyncDispose]()
  }
}

/** @throws {CoordinatorError} where etcd has refused */
async function asked<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw asCoordinatorError(error)
  }
}

/** What callers see: where etcd has refused, its own words. */
function asCoordinatorError(error: unknown): unknown {
  if (!(error instanceof MemberFailure)) return error
  return new CoordinatorError(`etcd refuses: ${error.message}.`, { mayBeDone: error.mayBeDone, cause: error })
}

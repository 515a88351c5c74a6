import { CoordinatorError } from '../coordinator.ts'
import type { Coordinator, Lease, Swap, Swapped, Watched } from '../coordinator.ts'
import { instantNow } from '../lease/instant.ts'
import { RenewedLease } from '../lease/renewed-lease.ts'
import { checkSwap } from '../swap-rules.ts'
import { KeyStore } from './key-store.ts'

/** A coordinator in this process: for a cluster of one, and for tests. */
export class InProcessCoordinator implements Coordinator {
  readonly #store: KeyStore
  readonly #closed = new AbortController()
  readonly #leases = new Set<RenewedLease>()
  #isAway = false

  /** @param store shared by those that see the same keys */
  constructor(store = new KeyStore()) {
    this.#store = store
  }

  /** Whether this one is cut off, for tests. Others with the same store are not. */
  get isAway(): boolean {
    return this.#isAway
  }

  set isAway(isAway: boolean) {
    this.#isAway = isAway
    this.#store.nudge()
  }

  async read(prefix: string): ReturnType<Coordinator['read']> {
    this.#reach()
    return this.#store.read(prefix)
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<Watched, void> {
    const over = AbortSignal.any([signal, this.#closed.signal])
    let revision: number | undefined
    while (!over.aborted) {
      const watched = this.#isAway ? undefined : this.#store.since(prefix, revision)
      if (watched) {
        revision = watched.revision
        if (watched.kind === 'all' || watched.changes.length > 0) yield watched
      } else {
        await this.#store.changed(over).catch(() => undefined)
      }
    }
  }

  async swap(parts: readonly Swap[]): Promise<Swapped> {
    checkSwap(parts)
    this.#reach()
    const swapped = this.#store.swap(parts)
    if (swapped) return swapped
    throw new CoordinatorError('A lease has ended. Nothing was changed.')
  }

  async grantLease(ttl: number): Promise<Lease> {
    this.#reach()
    const since = instantNow()
    const id = this.#store.grantLease(ttl)
    const lease = new RenewedLease(id, ttl, since, {
      renew: async () => {
        this.#reach()
        const renewedSince = instantNow()
        return this.#store.renewLease(id, ttl) ? { ttl, since: renewedSince } : undefined
      },
      revoke: async () => {
        this.#reach()
        this.#store.endLease(id)
      },
    })
    this.#leases.add(lease)
    lease.ended.addEventListener('abort', () => this.#leases.delete(lease), { once: true })
    return lease
  }

  #reach(): void {
    if (this.#closed.signal.aborted) throw new CoordinatorError('The coordinator is closed.')
    if (this.#isAway) throw new CoordinatorError('The coordinator cannot be reached.')
  }

  /** Its leases are not renewed any more, and end by themselves, as those of a process that dies. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#leases].map((lease) => lease.abandon()))
  }
}

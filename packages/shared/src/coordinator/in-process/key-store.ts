import { EventEmitter, once } from 'node:events'
import { keep } from '../coordinator.ts'
import type { Change, Entry, Swap, Swapped, Watched } from '../coordinator.ts'

/** Changes that are remembered for watches that are behind. They read all keys anew when more have come. */
const mostRemembered = 16_384

type Kept = Entry & { readonly lease: string | undefined }

/** Keys and leases in memory, as etcd keeps them. Coordinators with the same store see the same keys. */
export class KeyStore {
  readonly #entries = new Map<string, Kept>()
  readonly #leases = new Map<string, NodeJS.Timeout>()
  readonly #events = new EventEmitter().setMaxListeners(0)
  /** In the order of their revisions. */
  #changes: Change[] = []
  /** What was changed at this revision, or before it, may be forgotten. */
  #forgotten = 0
  #leaseCount = 0
  #revision = 1

  read(prefix: string): { readonly revision: number; readonly entries: readonly Entry[] } {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix))
    entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    return {
      revision: this.#revision,
      entries: entries.map(({ key, value, revision }) => ({ key, value, revision })),
    }
  }

  /** What came after a revision. Undefined for the revision: all keys. Undefined as the result: nothing came. */
  since(prefix: string, revision: number | undefined): Watched | undefined {
    if (revision === this.#revision) return undefined
    if (revision === undefined || revision < this.#forgotten || revision > this.#revision)
      return { kind: 'all', ...this.read(prefix) }
    const first = this.#changes.findLastIndex((change) => change.revision <= revision) + 1
    const changes = this.#changes.slice(first).filter(({ key }) => key.startsWith(prefix))
    return { kind: 'changes', revision: this.#revision, changes }
  }

  /** Settles at the next change or nudge. @throws when the signal is aborted */
  async changed(signal: AbortSignal): Promise<void> {
    await once(this.#events, 'change', { signal })
  }

  /** Lets all that wait for a change look again. */
  nudge(): void {
    this.#events.emit('change')
  }

  /** @returns undefined where a part is on a lease that has ended; then nothing is done */
  swap(parts: readonly Swap[]): Swapped | undefined {
    if (parts.some(({ lease, value }) => lease && typeof value === 'string' && !this.#leases.has(lease.id)))
      return undefined
    const isDone = parts.every(
      ({ key, expected }) => expected === undefined || (this.#entries.get(key)?.revision ?? 0) === expected,
    )
    if (isDone) this.#change(parts)
    return { isDone, revision: this.#revision }
  }

  #change(parts: readonly Swap[]): void {
    const changing = parts.filter(({ key, value }) => value !== keep && (value !== undefined || this.#entries.has(key)))
    if (changing.length === 0) return
    const revision = ++this.#revision
    for (const { key, value, lease } of changing) {
      if (typeof value === 'string') this.#entries.set(key, { key, value, revision, lease: lease?.id })
      else this.#entries.delete(key)
      this.#changes.push({ key, value: typeof value === 'string' ? value : undefined, revision })
    }
    if (this.#changes.length > 2 * mostRemembered) this.#forget(this.#changes.at(-mostRemembered)!.revision)
    this.nudge()
  }

  /** Forgets the changes up to now: a watch that is behind reads all keys anew. */
  compact(): void {
    this.#forget(this.#revision)
  }

  /** As a backup of etcd. Leases are not in it. @returns takes all keys back to what they are now */
  save(): () => void {
    const entries = [...this.#entries]
    const revision = this.#revision
    return () => {
      this.#entries.clear()
      for (const [key, kept] of entries) this.#entries.set(key, kept)
      this.#changes = []
      this.#forgotten = this.#revision = revision
      this.nudge()
    }
  }

  #forget(revision: number): void {
    this.#forgotten = revision
    this.#changes = this.#changes.filter((change) => change.revision > revision)
  }

  grantLease(ttl: number): string {
    const id = (++this.#leaseCount).toString(16)
    this.#leases.set(id, this.#endLater(id, ttl))
    return id
  }

  /** @returns false if it has ended */
  renewLease(id: string, ttl: number): boolean {
    const timer = this.#leases.get(id)
    if (!timer) return false
    clearTimeout(timer)
    this.#leases.set(id, this.#endLater(id, ttl))
    return true
  }

  #endLater(id: string, ttl: number): NodeJS.Timeout {
    return setTimeout(() => this.endLease(id), ttl).unref()
  }

  /** Ends a lease, and deletes the keys on it. */
  endLease(id: string): void {
    clearTimeout(this.#leases.get(id))
    this.#leases.delete(id)
    const keys = [...this.#entries.values()].filter(({ lease }) => lease === id)
    this.#change(keys.map(({ key }) => ({ key, expected: undefined, value: undefined })))
  }
}

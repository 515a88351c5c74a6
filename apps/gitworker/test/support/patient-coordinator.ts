import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import type { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import type { Lease } from '@sluice/shared/coordinator/coordinator'

/** A busy machine does not stand still for so long. */
const patientTtl = 10 * 60_000

/** A coordinator whose leases lapse when a test says so: a busy machine takes no host out of its cluster. */
export class PatientCoordinator extends InProcessCoordinator {
  readonly #keys: KeyStore
  readonly #granted = new Set<LongLease>()

  constructor(keys: KeyStore) {
    super(keys)
    this.#keys = keys
  }

  /** @param ttl is what the host has asked for, and less than it gets */
  override async grantLease(ttl: number): Promise<Lease> {
    const lease = new LongLease(await super.grantLease(Math.max(ttl, patientTtl)))
    this.#granted.add(lease)
    lease.ended.addEventListener('abort', () => this.#granted.delete(lease), { once: true })
    return lease
  }

  /** All its leases are over now. Whoever holds one does not hear of that while it is cut off: its clock says so. */
  lapse(): void {
    for (const lease of this.#granted) {
      lease.hasLapsed = true
      this.#keys.endLease(lease.id)
    }
  }
}

class LongLease implements Lease {
  hasLapsed = false
  readonly #lease: Lease

  constructor(lease: Lease) {
    this.#lease = lease
  }

  get id(): string {
    return this.#lease.id
  }

  get ttl(): number {
    return this.#lease.ttl
  }

  get isLive(): boolean {
    return !this.hasLapsed && this.#lease.isLive
  }

  get ended(): AbortSignal {
    return this.#lease.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]()
  }
}

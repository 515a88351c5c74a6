import { keep } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Lease, Swap } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'

/**
 * The right to balance: the key `balancer`, on a lease of its own. It ends with the lease, or when it is disposed of. Each
 * swap compares the key, so whoever has lost it changes nothing any more, even unknowingly.
 */
export class Mandate implements AsyncDisposable {
  readonly revision: number
  readonly #lease: Lease
  readonly #key: string

  private constructor(lease: Lease, key: string, revision: number) {
    this.#lease = lease
    this.#key = key
    this.revision = revision
  }

  /**
   * Tries once.
   *
   * @param name of this host
   * @param ttl milliseconds
   * @returns undefined where another host has it
   * @throws {CoordinatorError}
   */
  static async seek(coordinator: Coordinator, keys: ClusterKeys, name: string, ttl: number) {
    await using granted = new AsyncDisposableStack()
    const lease = granted.use(await coordinator.grantLease(ttl))
    const { isDone, revision } = await coordinator.swap([{ key: keys.balancer, expected: 0, value: name, lease }])
    if (!isDone) return undefined
    granted.move()
    return new Mandate(lease, keys.balancer, revision)
  }

  /** By this process's own clock. */
  get isLive(): boolean {
    return this.#lease.isLive
  }

  /** Aborted when the coordinator says that it has ended. */
  get ended(): AbortSignal {
    return this.#lease.ended
  }

  /** A part of each swap that is made under it. */
  get guard(): Swap {
    return { key: this.#key, expected: this.revision, value: keep }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]()
  }
}

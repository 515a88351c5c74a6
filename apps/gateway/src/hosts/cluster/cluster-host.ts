import type { HostRecord } from '@sluice/shared/placement/host-record'
import { hashOf } from '@sluice/shared/placement/rendezvous'
import type { ToldHost } from '@sluice/shared/placement/told-slot'
import type { Address } from '@sluice/shared/network/address'
import { HostConnections } from '../host-connections.ts'
import type { HostCredentials } from '../host-credentials.ts'
import { HostPresence } from '../host-presence.ts'
import { takesRequests } from '../host-probe.ts'
import type { Host, HostLink } from '../host.ts'
import { Breaker } from './breaker.ts'

export type ClusterHostOptions = {
  readonly credentials: HostCredentials
  /** Milliseconds after which a host that is away counts as down. */
  readonly downAfter: number
  /** Called when a host that was away is there again. */
  readonly onThere: () => void
}

/** One host of the cluster, at one address, for as long as its key lives. */
export class ClusterHost implements Host, AsyncDisposable {
  readonly name: string
  readonly link: HostLink
  readonly presence: HostPresence
  readonly breaker = new Breaker()
  /** For its scores. */
  readonly seed: number
  readonly #connections: HostConnections
  readonly #gone = new AbortController()
  #record: HostRecord
  #revision: number

  constructor(name: string, { record, revision }: ToldHost, address: Address, options: ClusterHostOptions) {
    const { credentials, downAfter, onThere } = options
    this.name = name
    this.#record = record
    this.#revision = revision
    this.seed = hashOf(name)
    this.link = this.#connections = new HostConnections(address, credentials)
    this.presence = new HostPresence({ probe: () => takesRequests(this.link), downAfter, onThere })
  }

  get record(): HostRecord {
    return this.#record
  }

  /** Of its key. */
  get revision(): number {
    return this.#revision
  }

  /** It is at the same address. */
  update({ record, revision }: ToldHost): void {
    this.#record = record
    this.#revision = revision
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** It is not a host of the cluster any more, or not at this address. What it answers goes on to its end. */
  async leave(): Promise<void> {
    this.#gone.abort()
    this.presence[Symbol.dispose]()
    await this.#connections.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.presence[Symbol.dispose]()
    await this.#connections[Symbol.asyncDispose]()
  }
}

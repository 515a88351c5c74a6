import { Pool } from 'undici'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import type { HostCredentials, HostTls } from './host-credentials.ts'
import type { HostLink } from './host.ts'

/** Shorter than the host's own, so that no request meets a connection that the host is closing. */
const keepAliveMs = 30_000
const connectMs = 5_000

type Pools = { readonly kept: Pool; readonly singleUse: Pool }

/**
 * The connections to one host. A changed certificate is used for new ones; what runs over the old ones ends there.
 *
 *   open ──close──▶ closing ──what runs is over──▶ closed
 *    └──────────────────┴───────dispose───────────────▲
 */
export class HostConnections implements HostLink, AsyncDisposable {
  readonly #address: Address
  readonly #credentials: HostCredentials
  readonly #watch: Disposable
  /** Those that are closing, too. */
  readonly #pools = new Set<Pool>()
  #current: Pools

  constructor(address: Address, credentials: HostCredentials) {
    this.#address = address
    this.#credentials = credentials
    this.#current = this.#open()
    this.#watch = credentials.onNewTls(() => {
      const old = this.#current
      this.#current = this.#open()
      void this.#close(old)
    })
  }

  get dispatcher(): Pool {
    return this.#current.kept
  }

  get singleUse(): Pool {
    return this.#current.singleUse
  }

  get secret(): string | undefined {
    return this.#credentials.secret
  }

  /** Takes no new requests, and waits until those that run are over. */
  async close(): Promise<void> {
    this.#watch[Symbol.dispose]()
    await this.#close(this.#current)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]()
    await Promise.all([...this.#pools].map((pool) => pool.destroy()))
  }

  #open(): Pools {
    const { tls } = this.#credentials
    const pools = { kept: poolTo(this.#address, tls, 1), singleUse: poolTo(this.#address, tls, 0) }
    this.#pools.add(pools.kept).add(pools.singleUse)
    return pools
  }

  async #close({ kept, singleUse }: Pools): Promise<void> {
    await Promise.all([kept, singleUse].map((pool) => pool.close().catch(() => {})))
    this.#pools.delete(kept)
    this.#pools.delete(singleUse)
  }
}

/**
 * Opens as many connections as there are requests: a request that waited inside would not notice that its client leaves.
 *
 * @param pipelining 0: each connection serves one request only
 */
function poolTo(address: Address, tls: HostTls | undefined, pipelining: 0 | 1): Pool {
  const unix = address.kind === 'unix'
  return new Pool(unix ? 'http://host' : `${tls ? 'https' : 'http'}://${formatAddress(address)}`, {
    allowH2: false,
    pipelining,
    connections: null,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // git may work for minutes before its first byte; the host has its own idle deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectMs, ...(unix && { socketPath: address.path }), ...tls },
  })
}

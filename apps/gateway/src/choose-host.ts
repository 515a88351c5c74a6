import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { formatAddress } from '@sluice/shared/address'
import type { Address } from '@sluice/shared/address'

/** A machine that keeps repositories, as the gateway sees it. */
export type GitHost = {
  readonly dispatcher: Dispatcher
}

/** The one place that knows which host keeps a repository. */
export type ChooseHost = (repository: string) => GitHost

/** One host for all repositories. */
export function singleHost(host: GitHost): ChooseHost {
  return () => host
}

/** Shorter than the host's own, so that no request meets a connection that the host is closing. */
const keepAliveMs = 30_000
const connectMs = 5_000

/** Connections to a host: as many as there are requests, since one that waited inside would not notice its client's leave. */
export function connectHost(address: Address): GitHost & AsyncDisposable {
  const unix = address.kind === 'unix'
  const pool = new Pool(unix ? 'http://host' : `http://${formatAddress(address)}`, {
    pipelining: 1,
    connections: null,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // git may work for minutes before its first byte; the host has its own idle deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectMs, ...(unix && { socketPath: address.path }) },
  })
  return { dispatcher: pool, [Symbol.asyncDispose]: () => pool.destroy() }
}

/** Whether a host answers at all within a second. */
export async function isReachable({ dispatcher }: GitHost): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(1000)
    const { statusCode, body } = await dispatcher.request({
      origin: 'http://host',
      method: 'GET',
      path: '/healthz',
      signal,
    })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}

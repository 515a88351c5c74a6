import { Pool } from 'undici'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { ConfigError } from '@sluice/shared/config/config-error'
import { openHostSecrets } from '@sluice/shared/host-protocol/secret'
import type { Logger } from '@sluice/shared/telemetry/log'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { GatewayConfig } from '../config/config.ts'
import { takesRequests } from './host-probe.ts'
import { HostPresence } from './host-presence.ts'
import type { Host } from './host.ts'

/** Shorter than the host's own, so that no request meets a connection that the host is closing. */
const keepAliveMs = 30_000
const connectMs = 5_000

type HostConfig = Pick<
  GatewayConfig,
  | 'supervisor'
  | 'hostSecretFile'
  | 'hostTlsCertificate'
  | 'hostTlsKey'
  | 'hostTlsCa'
  | 'hostTlsName'
  | 'hostWait'
  | 'drainTimeout'
>

/**
 * Opens the way to a host: with TLS where its roots are set. A changed certificate is used for new connections; what runs
 * over the old ones ends there.
 *
 * @throws {ConfigError} where the secrets or the certificates cannot be used
 */
export async function connectHost(config: HostConfig, log: Logger): Promise<Host & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  checkTls(config)
  const { hostSecretFile } = config
  const secrets = hostSecretFile === undefined ? undefined : opened.use(await openHostSecrets(hostSecretFile, log))
  const pools = opened.use(await openPools(config, log))
  const link = {
    get dispatcher() {
      return pools.current.kept
    },
    get singleUse() {
      return pools.current.singleUse
    },
    get secret() {
      return secrets?.current.first
    },
  }
  const presence = opened.use(
    new HostPresence({
      probe: () => takesRequests(link),
      // Hosts end their requests within a drain, as gateways do, and then start again.
      downAfter: config.drainTimeout + config.hostWait,
    }),
  )
  const parts = opened.move()
  return Object.assign(link, { presence, [Symbol.asyncDispose]: () => parts.disposeAsync() })
}

type Pools = { readonly kept: Pool; readonly singleUse: Pool }

async function openPools(config: HostConfig, log: Logger): Promise<AsyncDisposable & { readonly current: Pools }> {
  const { supervisor, hostTlsCertificate: certificate, hostTlsKey: key, hostTlsCa: ca } = config
  const replace = (material: TlsMaterial) => {
    const old = current
    current = poolsTo(supervisor, { ...material, ...nameOf(config) })
    for (const pool of [old.kept, old.singleUse]) pool.close().catch(() => {})
  }
  const setting = 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA'
  const files = ca === undefined ? undefined : await openTlsFiles({ certificate, key, ca }, setting, log, replace)
  let current = poolsTo(supervisor, files && { ...files.current, ...nameOf(config) })
  return {
    get current() {
      return current
    },
    async [Symbol.asyncDispose]() {
      files?.[Symbol.dispose]()
      await Promise.all([current.kept.destroy(), current.singleUse.destroy()])
    },
  }
}

type Tls = (TlsMaterial & { servername?: string }) | undefined

function poolsTo(address: Address, tls: Tls): Pools {
  return { kept: poolTo(address, tls, 1), singleUse: poolTo(address, tls, 0) }
}

/**
 * Opens as many connections as there are requests: a request that waited inside would not notice that its client leaves.
 *
 * @param pipelining 0: each connection serves one request only
 */
function poolTo(address: Address, tls: Tls, pipelining: 0 | 1): Pool {
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

function nameOf({ hostTlsName }: HostConfig): { servername?: string } {
  return hostTlsName === 'auto' ? {} : { servername: hostTlsName }
}

function checkTls({ supervisor, hostTlsCertificate, hostTlsKey, hostTlsCa, hostTlsName }: HostConfig): void {
  if (hostTlsCa === undefined) {
    const hasOthers = hostTlsCertificate !== undefined || hostTlsKey !== undefined || hostTlsName !== 'auto'
    if (!hasOthers) return
    throw new ConfigError([
      'SLUICE_HOST_TLS_CERTIFICATE, SLUICE_HOST_TLS_KEY and SLUICE_HOST_TLS_NAME need SLUICE_HOST_TLS_CA in the gateway: the roots that the supervisor’s certificate comes from.',
    ])
  }
  if (supervisor.kind === 'unix') {
    throw new ConfigError([
      'SLUICE_HOST_TLS_CA needs SLUICE_SUPERVISOR as host:port: there is no TLS on a unix socket.',
    ])
  }
}

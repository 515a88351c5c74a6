import { Pool } from 'undici'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { ConfigError } from '@sluice/shared/config/config'
import { openHostSecrets, secretHeader, trustedPath } from '@sluice/shared/host-protocol/secret'
import type { Logger } from '@sluice/shared/telemetry/log'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { GitHost } from './placement.ts'
import type { GatewayConfig } from '../config/config.ts'
import { HostPresence } from './host-presence.ts'

/** Shorter than the host's own, so that no request meets a connection that the host is closing. */
const keepAliveMs = 30_000
const connectMs = 5_000

/** A host that works answers a probe at once; one that takes so long does not work at all. */
const stuckMs = 30_000

/** A host that has just started may be busy; one that is late is not gone. */
const lookMs = 8000

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
 * Connections to a host: plain, or with TLS where its roots are set. New certificates are for new connections; what runs
 * over the old ones ends there.
 *
 * @throws {ConfigError} where the secrets or the certificates cannot be used
 */
export async function connectHost(config: HostConfig, log: Logger): Promise<GitHost & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  checkTls(config)
  const { supervisor, hostSecretFile, hostTlsCertificate: certificate, hostTlsKey: key, hostTlsCa: ca } = config
  const secrets = hostSecretFile === undefined ? undefined : opened.use(await openHostSecrets(hostSecretFile, log))
  const replace = (material: TlsMaterial) => {
    const old = pools
    pools = openPools(supervisor, { ...material, ...nameOf(config) })
    for (const pool of [old.kept, old.singleUse]) pool.close().catch(() => {})
  }
  const setting = 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA'
  const tls =
    ca === undefined ? undefined : opened.use(await openTlsFiles({ certificate, key, ca }, setting, log, replace))
  let pools = openPools(supervisor, tls && { ...tls.current, ...nameOf(config) })
  opened.defer(async () => void (await Promise.all([pools.kept.destroy(), pools.singleUse.destroy()])))
  const none = {}
  const presence = opened.use(
    new HostPresence({
      probe: async () => isServing(await askHost(host)),
      // Hosts end their requests within a drain, as gateways do, and then start anew.
      downAfter: config.drainTimeout + config.hostWait,
    }),
  )
  const parts = opened.move()
  const host: GitHost & AsyncDisposable = {
    get dispatcher() {
      return pools.kept
    },
    get singleUse() {
      return pools.singleUse
    },
    get credentials() {
      return secrets ? { [secretHeader]: secrets.current.first } : none
    },
    presence,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
  return host
}

type Tls = (TlsMaterial & { servername?: string }) | undefined

function openPools(address: Address, tls: Tls) {
  return { kept: openPool(address, tls, 1), singleUse: openPool(address, tls, 0) }
}

/**
 * As many connections as there are requests, since a request that waited inside would not notice its client's leave.
 *
 * @param pipelining 0: each connection serves one request, and no other
 */
function openPool(address: Address, tls: Tls, pipelining: 0 | 1): Pool {
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

/** Whether a host answers, and takes this for one of its gateways. @returns what is wrong, in words */
export async function lookAtHost(host: GitHost): Promise<string | undefined> {
  const status = await askHost(host)
  if (!isServing(status)) host.presence.missed(new Error('The host did not answer a look.'))
  if (status === 403) return 'the host does not take this for one of its gateways; its log says why'
  if (status === 503) return 'the host is stopping'
  return status === 200 ? undefined : 'no host answers'
}

type Link = Pick<GitHost, 'dispatcher' | 'credentials'>

/** Whether a request that is sent now would be looked at; whether it would be served is for its reply to say. */
function isServing(status: number | undefined): boolean {
  return status !== undefined && status !== 503
}

/** @returns the status with which the host answers; undefined: it does not */
async function askHost({ dispatcher, credentials }: Link): Promise<number | undefined> {
  try {
    const { statusCode, body } = await dispatcher.request({
      origin: 'http://host',
      method: 'GET',
      path: trustedPath,
      headers: credentials,
      signal: AbortSignal.timeout(lookMs),
    })
    await body.dump().catch(() => {})
    return statusCode
  } catch {
    return undefined
  }
}

/** Whether a host is there and answers nobody. One that cannot be reached may be stopping, and still be at work. */
export async function isStuck({ dispatcher }: GitHost): Promise<boolean> {
  const signal = AbortSignal.timeout(stuckMs)
  try {
    const { body } = await dispatcher.request({ origin: 'http://host', method: 'GET', path: '/healthz', signal })
    await body.dump()
    return false
  } catch {
    return signal.aborted
  }
}

import { Pool } from 'undici'
import { formatAddress } from '@sluice/shared/address'
import type { Address } from '@sluice/shared/address'
import { ConfigError } from '@sluice/shared/config'
import { openHostSecrets, secretHeader, trustedPath } from '@sluice/shared/host-secret'
import type { Logger } from '@sluice/shared/log'
import { openTlsFiles } from '@sluice/shared/tls-files'
import type { TlsMaterial } from '@sluice/shared/tls-files'
import type { GitHost } from './choose-host.ts'
import type { GatewayConfig } from './config.ts'

/** Shorter than the host's own, so that no request meets a connection that the host is closing. */
const keepAliveMs = 30_000
const connectMs = 5_000

/** A host that works answers a probe at once; one that takes so long does not work at all. */
const stuckMs = 30_000

type HostConfig = Pick<
  GatewayConfig,
  'supervisor' | 'hostSecretFile' | 'hostTlsCertificate' | 'hostTlsKey' | 'hostTlsCa' | 'hostTlsName'
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
    const old = pool
    pool = openPool(supervisor, { ...material, ...nameOf(config) })
    old.close().catch(() => {})
  }
  const setting = 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA'
  const tls =
    ca === undefined ? undefined : opened.use(await openTlsFiles({ certificate, key, ca }, setting, log, replace))
  let pool = openPool(supervisor, tls && { ...tls.current, ...nameOf(config) })
  opened.defer(() => pool.destroy())
  const parts = opened.move()
  const none = {}
  return {
    get dispatcher() {
      return pool
    },
    get credentials() {
      return secrets ? { [secretHeader]: secrets.current.first } : none
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** As many connections as there are requests, since a request that waited inside would not notice its client's leave. */
function openPool(address: Address, tls: (TlsMaterial & { servername?: string }) | undefined): Pool {
  const unix = address.kind === 'unix'
  return new Pool(unix ? 'http://host' : `${tls ? 'https' : 'http'}://${formatAddress(address)}`, {
    allowH2: false,
    pipelining: 1,
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

/** Whether a host answers within a second, and takes this for one of its gateways. @returns what is wrong, in words */
export async function lookAtHost({ dispatcher, credentials }: GitHost): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(1000)
    const { statusCode, body } = await dispatcher.request({
      origin: 'http://host',
      method: 'GET',
      path: trustedPath,
      headers: credentials,
      signal,
    })
    await body.dump()
    if (statusCode === 403) return 'the host does not take this for one of its gateways; its log says why'
    return statusCode === 200 ? undefined : 'no host answers'
  } catch {
    return 'no host answers'
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

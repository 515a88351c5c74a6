import { ConfigError } from '@sluice/shared/config/config-error'
import { openHostSecrets } from '@sluice/shared/host-protocol/secret'
import type { Logger } from '@sluice/shared/telemetry/log'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { GatewayConfig } from '../config/config.ts'

/** By what this gateway and its hosts know each other. The files are read again when they change. */
export type HostCredentials = Disposable & {
  /** What hosts know this gateway by; undefined where none is set. */
  readonly secret: string | undefined
  /** For connections to hosts; undefined: without TLS. */
  readonly tls: HostTls | undefined
  /** Calls a function when the certificates have changed, until it is disposed of. */
  onNewTls(listener: () => void): Disposable
}

export type HostTls = TlsMaterial & { readonly servername?: string }

/** What the way to any host needs. */
export type CredentialsConfig = Pick<
  GatewayConfig,
  'hostSecretFile' | 'hostTlsCertificate' | 'hostTlsKey' | 'hostTlsCa' | 'hostTlsName'
>

/** @throws {ConfigError} where the secrets or the certificates cannot be used */
export async function openHostCredentials(config: CredentialsConfig, log: Logger): Promise<HostCredentials> {
  using opened = new DisposableStack()
  const { hostSecretFile, hostTlsCertificate: certificate, hostTlsKey: key, hostTlsCa: ca, hostTlsName } = config
  checkTls(config)
  const secrets = hostSecretFile === undefined ? undefined : opened.use(await openHostSecrets(hostSecretFile, log))
  const listeners = new Set<() => void>()
  const replaced = () => listeners.forEach((listener) => listener())
  const setting = 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA'
  const files =
    ca === undefined ? undefined : opened.use(await openTlsFiles({ certificate, key, ca }, setting, log, replaced))
  const name = hostTlsName === 'auto' ? {} : { servername: hostTlsName }
  const parts = opened.move()
  return {
    get secret() {
      return secrets?.current.first
    },
    get tls() {
      return files && { ...files.current, ...name }
    },
    onNewTls(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    [Symbol.dispose]: () => parts.dispose(),
  }
}

function checkTls({ hostTlsCertificate, hostTlsKey, hostTlsCa, hostTlsName }: CredentialsConfig): void {
  const hasOthers = hostTlsCertificate !== undefined || hostTlsKey !== undefined || hostTlsName !== 'auto'
  if (hostTlsCa !== undefined || !hasOthers) return
  throw new ConfigError([
    'SLUICE_HOST_TLS_CERTIFICATE, SLUICE_HOST_TLS_KEY and SLUICE_HOST_TLS_NAME need SLUICE_HOST_TLS_CA in the gateway: the roots that the supervisor’s certificate comes from.',
  ])
}

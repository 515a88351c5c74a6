import type { RequestListener } from 'node:http'
import type { Server } from 'node:net'
import type { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import { createHttp2Server, createHttpServer, createHttpsServer } from '@sluice/shared/http/http-server'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../config/config.ts'

type TlsConfig = Pick<GatewayConfig, 'tlsCertificate' | 'tlsKey'>
type ServerConfig = TlsConfig & Pick<GatewayConfig, 'http2' | 'headerTimeout' | 'keepAliveTimeout'>

/**
 * The server for clients, with TLS where a certificate is set. It does not listen yet. Disposing ends the watch over the
 * certificate, not the server.
 *
 * @throws {ConfigError} where the certificate or its key is not right
 */
export async function openServer(
  config: ServerConfig,
  listener: RequestListener,
  log: Logger,
): Promise<Disposable & { readonly server: Server }> {
  const files = await openGatewayTls(config, log, (material) => {
    if ('setSecureContext' in server) server.setSecureContext(material)
  })
  const server = files ? secureServer(config, listener, files.current, log) : createHttpServer(listener, config)
  return { server, [Symbol.dispose]: () => files?.[Symbol.dispose]() }
}

function secureServer(config: ServerConfig, listener: RequestListener, tls: TlsMaterial, log: Logger) {
  const onTlsProblem = (code: string, peer?: string) => log.debug({ code, peer }, 'a connection was not secured')
  const create = config.http2 ? createHttp2Server : createHttpsServer
  return create(listener, { ...config, tls, onTlsProblem })
}

/** @returns undefined where clients are served without TLS */
export async function openGatewayTls(
  { tlsCertificate: certificate, tlsKey: key }: TlsConfig,
  log: Logger,
  onChange: (material: TlsMaterial) => void,
): Promise<ReloadedFile<TlsMaterial> | undefined> {
  if (certificate === undefined && key === undefined) return undefined
  return await openTlsFiles({ certificate, key }, 'SLUICE_TLS_CERTIFICATE and SLUICE_TLS_KEY', log, onChange)
}

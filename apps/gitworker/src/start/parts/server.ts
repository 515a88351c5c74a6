import type { Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SupervisorConfig } from '../../config/config.ts'
import { createHostServer } from '../../request/host-server.ts'
import type { HostServerParts } from '../../request/host-server.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'

/** The server for gateways, which does not listen yet. */
export type HostServer = Part<{ readonly server: Server }>

/** @throws {ConfigError} where the files for TLS cannot be used */
export async function openServer(
  config: SupervisorConfig,
  parts: Omit<HostServerParts, 'headerTimeout' | 'tls' | 'onTlsProblem'>,
  log: Logger,
): Promise<HostServer> {
  await using opened = new AsyncDisposableStack()
  const tls = await openHostTls(config, log, (material) => {
    if (server instanceof TlsServer) server.setSecureContext(material)
  })
  if (tls) opened.use(tls)
  const server = createHostServer({
    ...parts,
    headerTimeout: config.headerTimeout,
    tls: tls?.current,
    onTlsProblem: (code, peer) => log.debug({ code, peer }, 'a connection was not secured'),
  })
  return partOf(opened, { server })
}

/**
 * @returns the certificate, key and roots, read again when they change; undefined where none are set
 * @throws {ConfigError} where they cannot be used
 */
export async function openHostTls(config: SupervisorConfig, log: Logger, onChange: (material: TlsMaterial) => void) {
  const paths = { certificate: config.hostTlsCertificate, key: config.hostTlsKey, ca: config.hostTlsCa }
  if (Object.values(paths).every((path) => path === undefined)) return undefined
  return await openTlsFiles(paths, 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA', log, onChange)
}

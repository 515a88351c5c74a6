import { Agent } from 'undici'
import { openTlsFiles } from '../../../http/tls-files.ts'
import type { TlsLog, TlsMaterial, TlsPaths } from '../../../http/tls-files.ts'
import type { Connection } from './member-client.ts'

const connectMs = 2000
const keepAliveMs = 30_000

/** The kernel asks a silent connection each second. After ten answers that did not come, the connection is over. */
const firstKeepAliveMs = 1000

/**
 * The connections to all members. New certificates are used for new connections.
 *
 * @throws {ConfigError} where the certificates cannot be used
 */
export async function openConnection(tls: TlsPaths, log: TlsLog): Promise<Connection & AsyncDisposable> {
  const hasFiles = Object.values(tls).some((path) => path !== undefined)
  const replace = (material: TlsMaterial) => {
    const old = agent
    agent = agentWith(material)
    old.close().catch(() => {})
  }
  const setting = 'SLUICE_ETCD_TLS_CERTIFICATE, _KEY and _CA'
  const files = hasFiles ? await openTlsFiles(tls, setting, log, replace) : undefined
  let agent = agentWith(files?.current)
  return {
    get dispatcher() {
      return agent
    },
    async [Symbol.asyncDispose]() {
      files?.[Symbol.dispose]()
      await agent.destroy()
    },
  }
}

function agentWith(tls: TlsMaterial | undefined): Agent {
  return new Agent({
    allowH2: false,
    connections: null,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // Each call has its own deadline, and a watch has none.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectMs, keepAliveInitialDelay: firstKeepAliveMs, ...tls },
  })
}

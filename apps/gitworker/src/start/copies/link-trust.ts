import { openHostSecrets } from '@sluice/shared/host-protocol/secret'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SupervisorConfig } from '../../config/config.ts'
import type { LinkTrust } from '../../copies/link/host-links.ts'
import { openHostTls } from '../parts/server.ts'

/** What this host shows to others, read again when its files change. */
export async function openLinkTrust(
  config: SupervisorConfig,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<LinkTrust> {
  const { hostSecretFile } = config
  const secrets = hostSecretFile === undefined ? undefined : opened.use(await openHostSecrets(hostSecretFile, log))
  const tls = await openHostTls(config, log, () => {})
  if (tls) opened.use(tls)
  return {
    get secret() {
      return secrets?.current.first
    },
    get tls() {
      return tls?.current
    },
  }
}

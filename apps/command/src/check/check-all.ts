import type { GatewayConfig } from '@sluice/gateway/config/config'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { settings, settingsOf } from '@sluice/shared/config/settings'
import type { App } from '@sluice/shared/config/setting/setting'
import { checkSettings } from './check-settings.ts'
import { warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { checkGateway, checkSupervisor, withoutRepeats } from './run-checks.ts'

/** Checks one application, or both: their settings first, and where these are valid, what they name. */
export async function checkAll(only: App | undefined, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { config, findings } = await checkSettings(only === undefined ? settings : settingsOf(only), env)
  if (!config) return findings
  // With the settings of both, or of the one that is checked.
  const own = config as SupervisorConfig & GatewayConfig
  return withoutRepeats([
    ...findings,
    ...asWhom(),
    ...(only === 'gateway' ? [] : await checkSupervisor(own, env['PATH'] ?? '')),
    ...(only === 'supervisor' ? [] : await checkGateway(own, only === 'gateway')),
  ])
}

function asWhom(): Finding[] {
  if (process.getuid?.() !== 0) return []
  const todo = 'Run it as the user of the service, too: sudo -u sluice sluice check'
  return [warning('user', 'This is checked as root, who may read and write everything.', todo)]
}

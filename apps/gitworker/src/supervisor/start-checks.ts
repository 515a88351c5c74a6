import { tryListening } from '@sluice/shared/listen'
import { silentLog } from '@sluice/shared/log'
import type { StartCheck } from '@sluice/shared/start-checks'
import type { SupervisorConfig } from '../config.ts'
import { GatewayTrust } from './gateway-trust.ts'
import { openOperatorsHooks } from './operators-hooks.ts'
import { checkGitProgram, checkGnupgHome, checkReaper, openRoot } from './preflight.ts'
import { checkRunFolder } from './run-folder.ts'
import { openHostTls } from './start.ts'

/**
 * Everything of a host that can be known before it starts.
 *
 * @param checkRoot for a root that is still to be made
 */
export function startChecksOfHost(
  config: SupervisorConfig,
  checkRoot: StartCheck = () => openRoot(config),
): StartCheck[] {
  const { supervisor, supervisorOperations } = config
  return [
    checkReaper,
    () => checkGitProgram(config.git, process.env['PATH'] ?? ''),
    checkRoot,
    () => checkRunFolder(config.runFolder),
    () => checkGnupgHome(config),
    () => openOperatorsHooks(config.hooksFolder),
    () => GatewayTrust.open(config, silentLog),
    () => openHostTls(config, silentLog, () => {}),
    () => tryListening(supervisor, 'SLUICE_SUPERVISOR'),
    () => supervisorOperations && tryListening(supervisorOperations, 'SLUICE_SUPERVISOR_OPERATIONS'),
  ]
}

import { tryListening } from '@sluice/shared/app/listen'
import { silentLog } from '@sluice/shared/telemetry/log'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { StartCheck } from '@sluice/shared/config/start-checks'
import type { SupervisorConfig } from '../config/config.ts'
import { GatewayTrust } from '../request/trust/gateway-trust.ts'
import { openOperatorsHooks } from '../hooks/operators-hooks.ts'
import { readReceivers } from './parts/events/telling.ts'
import { readMirrors } from './parts/own-work/mirrors.ts'
import { checkClusterSettings } from '../config/cluster-settings.ts'
import { openAudit } from './parts/audit.ts'
import { openReadOnlyRules } from '../repository/read-only-rules.ts'
import { checkGitProgram, checkGnupgHome, checkReaper, openRoot } from './parts/prerequisites.ts'
import { checkRuntimeDirectory } from './parts/runtime-directory.ts'
import { openHostTls } from './parts/server.ts'

/**
 * The checks of a host's configuration that do not need the host to start.
 *
 * @param checkRoot replaces the check of the root where that is yet to be made
 */
export function startChecksOfHost(
  config: SupervisorConfig,
  checkRoot: StartCheck = () => openRoot(config),
): StartCheck[] {
  const { supervisor, supervisorOperations, administration } = config
  return [
    checkReaper,
    ...readingChecksOfHost(config, silentLog, checkRoot),
    () => checkRuntimeDirectory(config.runFolder),
    () => openAudit(config, { freeBytes: async () => undefined }, silentLog),
    () => tryListening(supervisor, 'SLUICE_SUPERVISOR'),
    () => supervisorOperations && tryListening(supervisorOperations, 'SLUICE_SUPERVISOR_OPERATIONS'),
    () => typeof administration === 'object' && tryListening(administration, 'SLUICE_ADMINISTRATION'),
  ]
}

/** Those that only read, and leave no trace, so that they may be run beside a supervisor. @param log gets warnings */
export function readingChecksOfHost(
  config: SupervisorConfig,
  log: Logger,
  checkRoot: StartCheck = () => openRoot(config),
): StartCheck[] {
  return [
    () => checkGitProgram(config.git, process.env['PATH'] ?? ''),
    checkRoot,
    () => checkGnupgHome(config),
    () => openOperatorsHooks(config.hooksFolder),
    () => openReadOnlyRules(config, log),
    () => (config.mirrorsFile === undefined ? undefined : readMirrors(config.mirrorsFile, log, () => {})),
    () => (config.eventsFile === undefined ? undefined : readReceivers(config.eventsFile, log, () => {})),
    () => GatewayTrust.open(config, log),
    () => checkClusterSettings(config),
    () => openHostTls(config, log, () => {}),
  ]
}

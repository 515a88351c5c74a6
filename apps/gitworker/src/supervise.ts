import { formatAddress } from '@sluice/shared/network/address'
import { announceListening } from '@sluice/shared/app/announce-listening'
import { openLog } from '@sluice/shared/telemetry/log'
import { logProcessWarnings } from '@sluice/shared/telemetry/process-warnings'
import { runApp } from '@sluice/shared/app/run-app'
import { warnOfFormerNames } from '@sluice/shared/config/former-names'
import { warnOfReadableSecrets } from '@sluice/shared/config/readable-secrets'
import { settingsOf } from '@sluice/shared/config/settings'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import { withAllProblems } from '@sluice/shared/config/start-checks'
import { startUnlessStopped, untilStopped } from '@sluice/shared/app/stop-signal'
import { readSupervisorConfig } from './config/config.ts'
import { leave } from './start/leave.ts'
import { startSupervisor } from './start/start.ts'
import { startChecksOfHost } from './start/start-checks.ts'

/** Runs the supervisor until it is stopped. @param onStarted called when it serves requests */
export async function supervise(onStarted: () => void): Promise<void> {
  await runApp(() => run(onStarted))
}

async function run(onStarted: () => void): Promise<void> {
  const stopped = untilStopped()
  const file = await readSettingsFile(process.env)
  const config = readSupervisorConfig(process.env, file)
  const log = openLog('supervisor', config)
  logProcessWarnings(log)
  warnOfFormerNames(settingsOf('supervisor'), process.env, file, log)
  await warnOfReadableSecrets(file, log)
  const start = startSupervisor(config, log).catch((error) => withAllProblems(error, startChecksOfHost(config)))
  await using supervisor = await startUnlessStopped(stopped, start)
  announceListening(log, supervisor, {
    ...supervisor.facts,
    tls: config.hostTlsCertificate === undefined ? 'off' : 'on',
    ...(supervisor.operations && { statusPage: `http://${formatAddress(supervisor.operations)}/-/status` }),
  })
  onStarted()
  const { why, hurry } = await stopped
  // From a terminal, all hosts of a cluster may be stopped at once.
  if (why === 'SIGTERM' && config.leaveOnStop) await supervisor.cluster?.leave(config.drainTimeout, hurry)
  log.info({ why, running: supervisor.running.size }, 'draining')
  await leave(supervisor.running, supervisor.connections, hurry)
  const ended = await supervisor.running.drain(supervisor.server, config.drainTimeout, hurry)
  log.info({ ended, leaked: supervisor.leakCheck.look() }, 'stopped')
}

import { formatAddress } from '@sluice/shared/address'
import { announceListening } from '@sluice/shared/listening'
import { openLog } from '@sluice/shared/log'
import { logProcessWarnings } from '@sluice/shared/process-warnings'
import { runApp } from '@sluice/shared/run-app'
import { withAllProblems } from '@sluice/shared/start-checks'
import { startUnlessStopped, untilStopped } from '@sluice/shared/stop-signal'
import { readSupervisorConfig } from './config.ts'
import { leave } from './supervisor/leave.ts'
import { startSupervisor } from './supervisor/start.ts'
import { startChecksOfHost } from './supervisor/start-checks.ts'

/** @param onStarted is called when requests are served */
export async function supervise(onStarted: () => void): Promise<void> {
  await runApp(() => run(onStarted))
}

async function run(onStarted: () => void): Promise<void> {
  const stopped = untilStopped()
  const config = readSupervisorConfig(process.env)
  const log = openLog('supervisor', config)
  logProcessWarnings(log)
  const start = startSupervisor(config, log).catch((error) => withAllProblems(error, startChecksOfHost(config)))
  await using supervisor = await startUnlessStopped(stopped, start)
  announceListening(log, supervisor, {
    ...supervisor.facts,
    tls: config.hostTlsCertificate === undefined ? 'off' : 'on',
    ...(supervisor.operations && { statusPage: `http://${formatAddress(supervisor.operations)}/-/status` }),
  })
  onStarted()
  const { why, hurry } = await stopped
  log.info({ why, running: supervisor.running.size }, 'draining')
  await leave(supervisor.running, supervisor.connections, hurry)
  const ended = await supervisor.running.drain(supervisor.server, config.drainTimeout, hurry)
  log.info({ ended, leaked: supervisor.audit.look() }, 'stopped')
}

import { formatAddress } from '@sluice/shared/address'
import { announceListening } from '@sluice/shared/listening'
import { openLog } from '@sluice/shared/log'
import { logProcessWarnings } from '@sluice/shared/process-warnings'
import { runApp } from '@sluice/shared/run-app'
import { withAllProblems } from '@sluice/shared/start-checks'
import { startUnlessStopped, untilStopped } from '@sluice/shared/stop-signal'
import { readGatewayConfig } from './config.ts'
import { startGateway } from './server.ts'
import { startChecksOfGateway } from './start-checks.ts'

await runApp(async () => {
  const stopped = untilStopped()
  const config = readGatewayConfig(process.env)
  const log = openLog('gateway', config)
  logProcessWarnings(log)
  const start = startGateway(config, log).catch((error) => withAllProblems(error, startChecksOfGateway(config)))
  await using gateway = await startUnlessStopped(stopped, start)
  announceListening(log, gateway, {
    access: config.access,
    tls: config.tlsCertificate === undefined ? 'off' : 'on',
    supervisor: formatAddress(config.supervisor),
  })
  const { why, hurry } = await stopped
  log.info({ why, running: gateway.running.size }, 'draining')
  await gateway.running.leave(config.drainDelay, hurry)
  const ended = await gateway.running.drain(gateway.server, config.drainTimeout, hurry)
  log.info({ ended }, 'stopped')
})

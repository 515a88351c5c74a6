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
import { readGatewayConfig } from './config/config.ts'
import { startGateway } from './start/start.ts'
import { startChecksOfGateway } from './start/start-checks.ts'

await runApp(async () => {
  const stopped = untilStopped()
  const file = await readSettingsFile(process.env)
  const config = readGatewayConfig(process.env, file)
  const log = openLog('gateway', config)
  logProcessWarnings(log)
  warnOfFormerNames(settingsOf('gateway'), process.env, file, log)
  await warnOfReadableSecrets(file, log)
  const start = startGateway(config, log).catch((error) => withAllProblems(error, startChecksOfGateway(config)))
  await using gateway = await startUnlessStopped(stopped, start)
  announceListening(log, gateway, {
    access: config.access,
    tls: config.tlsCertificate === undefined ? 'off' : 'on',
    ...(config.cluster === 'off'
      ? { supervisor: formatAddress(config.supervisor) }
      : { etcd: (config.etcd ?? []).join(',') }),
  })
  const { why, hurry } = await stopped
  log.info({ why, running: gateway.running.size }, 'draining')
  await gateway.running.leave(config.drainDelay, hurry)
  const ended = await gateway.running.drain(gateway.server, config.drainTimeout, hurry)
  log.info({ ended }, 'stopped')
})

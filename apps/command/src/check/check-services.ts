import type { GatewayConfig } from '@sluice/gateway/config/config'
import { connectHost } from '@sluice/gateway/hosts/connect-host'
import { lookAtHost } from '@sluice/gateway/hosts/host-probe'
import { formatAddress } from '@sluice/shared/network/address'
import { silentLog } from '@sluice/shared/telemetry/log'
import { isListening } from '../ask/who-answers.ts'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'

/**
 * Whether the host takes this gateway for one of its own.
 *
 * @param isRemote whether only the gateway is looked at, so that the host may be elsewhere
 */
export async function checkHost(config: GatewayConfig, isRemote: boolean): Promise<Finding[]> {
  const where = formatAddress(config.supervisor)
  if (!(await isListening(config.supervisor))) {
    if (!isRemote) return []
    const todo = 'Start it there. Until then, the gateway says that it is not ready.'
    return [warning('SLUICE_SUPERVISOR', `No supervisor listens on ${where} now.`, todo)]
  }
  const findings: Finding[] = []
  const problems = await problemsOf('SLUICE_SUPERVISOR', async () => {
    await using host = await connectHost(config, silentLog)
    findings.push(findingFor(where, await lookAtHost(host)))
  })
  return [...findings, ...problems]
}

function findingFor(where: string, problem: string | undefined): Finding {
  if (problem === undefined)
    return ok('SLUICE_SUPERVISOR', `The supervisor on ${where} takes this gateway for one of its own.`)
  const todo = 'Compare SLUICE_HOST_SECRET_FILE and SLUICE_HOST_TLS_* of both.'
  return error('SLUICE_SUPERVISOR', `Asked on ${where}: ${problem}.`, todo)
}

/** Whether somebody listens where a service should be. */
export async function checkService(setting: string, address: string | undefined): Promise<Finding[]> {
  if (address === undefined) return []
  const { hostname, port, protocol, origin } = new URL(address)
  const host = hostname.replace(/^\[|\]$/g, '')
  const standard = protocol === 'https:' ? 443 : 80
  if (await isListening({ kind: 'tcp', host, port: port === '' ? standard : Number(port) }))
    return [ok(setting, `Somebody listens on ${origin}.`)]
  return [warning(setting, `Nobody listens on ${origin} now.`, 'Start the service, or correct its address.')]
}

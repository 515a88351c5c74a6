import { chooseSizes } from '@sluice/gitworker/capacity/sizing'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import type { GatewayConfig } from '@sluice/gateway/config/config'
import { limitConnections } from '@sluice/gateway/start/connections'
import { readMachine } from '@sluice/shared/machine/machine'
import { ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { findingsOf, problemsOf } from './findings/from-start-checks.ts'

/** Whether processes, memory and descriptors suffice for what the host is to do at once. */
export async function checkHostLimits(config: SupervisorConfig, runtime: 'launcher' | 'node'): Promise<Finding[]> {
  const findings: Finding[] = []
  const problems = await problemsOf('limits', () => {
    const { why, warnings } = chooseSizes(config, readMachine(), runtime)
    findings.push(ok('limits', `${why[0]!.toUpperCase()}${why.slice(1)}.`))
    findings.push(...warnings.map((one) => warning('limits', one)))
  })
  return [...findings, ...problems]
}

/** Whether descriptors suffice for the connections of a gateway. */
export async function checkGatewayLimits(config: GatewayConfig): Promise<Finding[]> {
  return await findingsOf('limits', (log) => [() => void limitConnections(config, log)])
}

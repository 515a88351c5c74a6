import type { GatewayConfig } from '@sluice/gateway/config/config'
import { HostConnections } from '@sluice/gateway/hosts/host-connections'
import { openHostCredentials } from '@sluice/gateway/hosts/host-credentials'
import type { HostCredentials } from '@sluice/gateway/hosts/host-credentials'
import { lookAtLink } from '@sluice/gateway/hosts/host-probe'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import type { Entry } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import { parseAddress } from '@sluice/shared/network/address'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { silentLog } from '@sluice/shared/telemetry/log'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'

const about = 'SLUICE_ETCD'

/** Whether etcd answers, and whether each host of the cluster takes this gateway for one of its own. */
export async function checkCluster(config: GatewayConfig): Promise<Finding[]> {
  const findings: Finding[] = []
  const problems = await problemsOf(about, async () => {
    using credentials = await openHostCredentials(config, silentLog)
    await using coordinator = await openCoordinator(config, silentLog)
    const keys = clusterKeys(config.etcdPrefix)
    try {
      const { entries } = await coordinator.read(keys.hosts)
      findings.push(ok(about, `etcd answers, and knows of ${entries.length} hosts below ${config.etcdPrefix}.`))
      const looks = entries.map((entry) => checkClusterHost(entry, keys.hosts, credentials))
      findings.push(...(await Promise.all(looks)))
    } catch (thrown) {
      if (!(thrown instanceof CoordinatorError)) throw thrown
      const todo = 'Start etcd, or correct SLUICE_ETCD. Until it answers, the gateway says that it is not ready.'
      findings.push(warning(about, `etcd does not answer: ${thrown.message}`, todo))
    }
  })
  return [...findings, ...problems]
}

async function checkClusterHost({ key, value }: Entry, prefix: string, credentials: HostCredentials): Promise<Finding> {
  const name = key.slice(prefix.length)
  const record = readHostRecord(value)
  const address = record && parseAddress(record.address)
  if (!address) return error(about, `The record of ${name} in etcd is not valid.`, `Restart ${name}.`)
  await using connections = new HostConnections(address, credentials)
  const problem = await lookAtLink(connections)
  if (problem === undefined) return ok(about, `${name} on ${record.address} takes this gateway for one of its own.`)
  const todo = 'Compare SLUICE_HOST_SECRET_FILE and SLUICE_HOST_TLS_* of both, and SLUICE_HOST_ADDRESS of the host.'
  return error(about, `Asked ${name} on ${record.address}: ${problem}.`, todo)
}

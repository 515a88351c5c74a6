import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { checkMembership } from '@sluice/gitworker/start/parts/cluster'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import { silentLog } from '@sluice/shared/telemetry/log'
import { ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'

const about = 'SLUICE_CLUSTER'

/** Whether a host could join its cluster, as far as etcd knows. */
export async function checkMember(config: SupervisorConfig): Promise<Finding[]> {
  if (config.cluster === 'off') return []
  try {
    const problems = await problemsOf(about, () => checkMembership(config, silentLog))
    return problems.length > 0 ? problems : [ok(about, 'This host has its place in the cluster, or may join it.')]
  } catch (thrown) {
    if (!(thrown instanceof CoordinatorError)) throw thrown
    const todo = 'Start etcd, or correct SLUICE_ETCD. A host does not start without it.'
    return [warning(about, `etcd does not answer this host: ${thrown.message}`, todo)]
  }
}

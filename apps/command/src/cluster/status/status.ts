import { Command } from '@commander-js/extra-typings'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { ShownCluster } from '@sluice/gitworker/administration/look/cluster-look'
import { settings } from '@sluice/shared/config/settings'
import { reporting } from '../../call/reporting.ts'
import { readSettings } from '../../call/settings.ts'
import type { Surroundings } from '../../call/surroundings.ts'
import { CommandError } from '../../output/failure.ts'
import type { Report } from '../../output/report.ts'
import { runningHost } from '../../repo/host/reach-host.ts'
import { statusText } from './status-text.ts'

export function statusCommand(at: Surroundings) {
  return new Command('status')
    .description(
      'Show all hosts of the cluster: what they keep, what is moved and copied, and what cannot be served. Asks the host that runs here, or etcd. Ends with 1 where something cannot be served.',
    )
    .action(
      reporting(at, async (_options, command): Promise<Report> => {
        const document = await shownCluster(at, command)
        const isServed = document.problems.length === 0
        return { document, text: (screen) => statusText(document, screen), exitCode: isServed ? 0 : 1 }
      }),
    )
}

/** A host knows most: also how copies come along, and which hosts are on probation. */
async function shownCluster(at: Surroundings, command: CommandUnknownOpts): Promise<ShownCluster> {
  const { cluster, etcd, etcdPrefix, etcdUser, etcdPasswordFile } = settings
  const { etcdTlsCa, etcdTlsCertificate, etcdTlsKey, minInSync } = settings
  const ways = { cluster, etcd, etcdPrefix, etcdUser, etcdPasswordFile, etcdTlsCa, etcdTlsCertificate, etcdTlsKey }
  const config = await readSettings({ ...ways, minInSync }, at, command)
  const isInCluster = config.cluster !== 'off'
  const host = await runningHost(at, command).catch((error: unknown) => {
    // It is another user's, who may ask etcd.
    if (isInCluster && error instanceof CommandError) return undefined
    throw error
  })
  if (host) return await host.ask<ShownCluster>({ method: 'GET', path: 'cluster' })
  if (isInCluster) {
    const { clusterInEtcd } = await import('./cluster-in-etcd.ts')
    return await clusterInEtcd(config)
  }
  throw new CommandError(
    'No host runs here, and no etcd is set. On a host that runs, set SLUICE_RUN_FOLDER as it does. Elsewhere, set SLUICE_CLUSTER=etcd and SLUICE_ETCD as the hosts do (or --config with their file).',
  )
}

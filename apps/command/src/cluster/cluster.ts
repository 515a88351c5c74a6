import { Command } from '@commander-js/extra-typings'
import { environmentOf, globalOptions, reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { showReport } from '../output/report.ts'
import { forceCommand } from './force.ts'
import { statusCommand } from './status/status.ts'
import type { Surfaces } from './surfaces.ts'

export function clusterCommand(at: Surroundings) {
  return new Command('cluster')
    .description('Several hosts.')
    .addCommand(startCommand(at))
    .addCommand(statusCommand(at))
    .addCommand(forceCommand(at))
}

function startCommand(at: Surroundings) {
  return new Command('start')
    .description(
      'Run etcd, three hosts and two gateways in this terminal, to try things on, until Ctrl-C. Each repository is on two hosts.',
    )
    .argument('[folder]', 'Where to keep everything. Default: var/cluster, in the folder of Sluice.')
    .action(
      reporting(at, async (folder, _options, command) => {
        const { runCluster } = await import('./run-cluster.ts')
        return await runCluster(
          folder,
          environmentOf(at, command),
          surfacesOf(at, globalOptions(command).json ?? false),
        )
      }),
    )
}

/** With --json, the document is all that standard output gets. */
function surfacesOf({ stdout, stderr }: Surroundings, json: boolean): Surfaces {
  return {
    announce: (announcement) => showReport(announcement, json, stdout),
    say: (text) => void (json ? stderr : stdout).write(text),
  }
}

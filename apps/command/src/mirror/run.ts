import { Command } from '@commander-js/extra-typings'
import type { MirrorStatus } from '@sluice/gitworker/operations/host-status'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { withHost } from '../repo/host/reach-host.ts'

export function runCommand(at: Surroundings) {
  return new Command('run')
    .description('Bring a mirror up to date now, whatever its interval.')
    .argument('<name>', 'Its name, such as vendor/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command) => {
        const wanted = { method: 'POST', path: `mirrors/${encodeURIComponent(name)}/run` } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<MirrorStatus>(wanted, onLine))
        return { document, text: () => `${name} is as its upstream.` }
      }),
    )
}

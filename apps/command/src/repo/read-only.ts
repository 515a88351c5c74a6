import { Argument, Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { UsageError } from '../output/failure.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'

export function readOnlyCommand(at: Surroundings) {
  return new Command('readonly')
    .description('Let a repository take no pushes, or take them again.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .addArgument(new Argument('<state>', 'on: it takes no pushes. off: it does.').choices(['on', 'off'] as const))
    .option('--message <text>', 'A sentence for those who push.')
    .action(
      reporting(at, async (name, state, { message }, command) => {
        const on = state === 'on'
        if (!on && message !== undefined) throw new UsageError('--message is for "on": with "off", pushes are taken.')
        const body = { on, ...(message !== undefined && { message }) }
        const wanted = { method: 'POST', path: `${pathOf(name)}/readonly`, body } as const
        const document = await withHost(at, command, (host) => host.ask(wanted))
        return { document, text: () => (on ? `${name} takes no pushes now.` : `${name} takes pushes.`) }
      }),
    )
}

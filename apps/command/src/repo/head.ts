import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'

export function headCommand(at: Surroundings) {
  return new Command('head')
    .description('Change the default branch, which clones check out.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .argument('<branch>', 'One of its branches.')
    .action(
      reporting(at, async (name, branch, _options, command) => {
        const wanted = { method: 'POST', path: `${pathOf(name)}/head`, body: { branch } } as const
        const document = await withHost(at, command, (host) => host.ask(wanted))
        return { document, text: () => `The default branch of ${name} is ${branch}.` }
      }),
    )
}

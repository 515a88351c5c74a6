import { Command, Option } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { withHost } from './host/reach-host.ts'

export function createCommand(at: Surroundings) {
  return new Command('create')
    .description('Create an empty repository.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .addOption(
      new Option('--object-format <format>', 'How objects are named. Default: SLUICE_DEFAULT_OBJECT_FORMAT.').choices([
        'sha1',
        'sha256',
      ] as const),
    )
    .option('--head <branch>', 'The default branch. Without it, the first push decides.')
    .option('--description <text>', 'One line about it.')
    .action(
      reporting(at, async (name, options, command) => {
        const body = { name, ...options }
        const document = await withHost(at, command, (host) => host.ask({ method: 'POST', path: 'repositories', body }))
        return { document, text: () => `Created ${name}.` }
      }),
    )
}

import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'

export function renameCommand(at: Surroundings) {
  return new Command('rename')
    .description(
      'Give a repository another name, which may be in another folder. Waits up to 30 s for requests to end.',
    )
    .argument('<old-name>', 'Its name now.', repositoryArgument)
    .argument('<new-name>', 'Its new name.', repositoryArgument)
    .action(
      reporting(at, async (old, to, _options, command) => {
        const wanted = { method: 'POST', path: `${pathOf(old)}/rename`, body: { to } } as const
        const document = await withHost(at, command, (host, onLine) => host.ask(wanted, onLine))
        return { document, text: () => `Renamed ${old} to ${to}.` }
      }),
    )
}

import { Command } from '@commander-js/extra-typings'
import type { Deleted } from '@sluice/gitworker/administration/change/delete-repository'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { timeInWords } from '../output/words.ts'

export function deleteCommand(at: Surroundings) {
  return new Command('delete')
    .description('Move a repository to the trash, from where it can be restored for SLUICE_TRASH_TIME.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command) => {
        const wanted = { method: 'DELETE', path: pathOf(name) } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<Deleted>(wanted, onLine))
        return { document, text: () => textOf(name, document) }
      }),
    )
}

function textOf(name: string, { id, keptUntil }: Deleted): string {
  const until = keptUntil === null ? 'until it is purged' : `until ${timeInWords(keptUntil)}`
  return `Deleted ${name}. It is kept ${until}: sluice repo restore ${id}`
}

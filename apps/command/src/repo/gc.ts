import { Command } from '@commander-js/extra-typings'
import type { Collected } from '@sluice/gitworker/administration/change/collect-garbage'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { bytesInWords } from '../output/words.ts'

export function gcCommand(at: Surroundings) {
  return new Command('gc')
    .description('Pack a repository, and remove what nothing has needed for two weeks. Pushes and fetches go on.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command) => {
        const wanted = { method: 'POST', path: `${pathOf(name)}/gc` } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<Collected>(wanted, onLine))
        return { document, text: () => textOf(name, document) }
      }),
    )
}

function textOf(name: string, { before, after }: Collected): string {
  const left = `${after.packs} ${after.packs === 1 ? 'pack' : 'packs'} and ${after.looseObjects} loose objects`
  return `${name}: ${sizeOf(before)} before, ${sizeOf(after)} now, in ${left}.`
}

function sizeOf({ packBytes, looseBytes }: Collected['before']): string {
  return bytesInWords(packBytes + looseBytes)
}

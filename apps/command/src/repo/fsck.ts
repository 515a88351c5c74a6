import { Command } from '@commander-js/extra-typings'
import type { Checked } from '@sluice/gitworker/administration/change/check-objects'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { printable } from '../output/words.ts'

export function fsckCommand(at: Surroundings) {
  return new Command('fsck')
    .description('Check all objects of a repository. Ends with 1 where something is wrong.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command) => {
        const wanted = { method: 'POST', path: `${pathOf(name)}/fsck` } as const
        const checked = await withHost(at, command, (host, onLine) => host.ask<Checked>(wanted, onLine))
        return { document: checked, text: () => textOf(name, checked), exitCode: checked.isSound ? 0 : 1 }
      }),
    )
}

function textOf(name: string, { isSound, problems, moreProblems }: Checked): string {
  if (isSound) return `${name} is sound.`
  const more = moreProblems > 0 ? [`… and ${moreProblems} lines more.`] : []
  return [`${name} is not sound. git says:`, ...problems.map(printable), ...more].join('\n')
}

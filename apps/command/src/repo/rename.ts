import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'

export function renameCommand(at: Surroundings) {
  return new Command('rename')
    .description(
      'Give a repository another name, which may be in another folder. Waits up to 30 s for requests to end. In a cluster, it may get to the disk of another host.',
    )
    .argument('<old-name>', 'Its name now.', repositoryArgument)
    .argument('<new-name>', 'Its new name.', repositoryArgument)
    .action(
      reporting(at, async (old, to, _options, command) => {
        const wanted = { method: 'POST', path: `${pathOf(old)}/rename`, body: { to } } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<Renamed>(wanted, onLine))
        return { document, text: () => [`Renamed ${old} to ${to}.`, ...moveInWords(document, to)].join('\n') }
      }),
    )
}

/** The last four are there where the new name is another host's, on a disk of its own. */
type Renamed = {
  readonly borrowers: readonly string[]
  readonly host?: string
  readonly trash?: string
  readonly notCopied?: readonly string[]
  /** Whether the other host has not heard yet that the old name is gone. */
  readonly isUnheard?: true
}

function moveInWords({ host, trash, notCopied = [], borrowers, isUnheard }: Renamed, to: string): string[] {
  if (host === undefined) return []
  const lines = [`It is on the host ${host} now. The old one is in the trash of this host for a day, as ${trash}.`]
  if (isUnheard) lines.push(`${host} does not answer. ${to} takes pushes as soon as it has heard that it is renamed.`)
  if (notCopied.length > 0) lines.push(`Not brought along: ${notCopied.join(', ')}. Take them from the trash.`)
  if (borrowers.length > 0) lines.push(`It stays there as long as these borrow from it: ${borrowers.join(', ')}.`)
  return lines
}

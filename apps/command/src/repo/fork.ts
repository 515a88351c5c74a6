import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'

export function forkCommand(at: Surroundings) {
  return new Command('fork')
    .description(
      'Make a repository with the branches and tags of another, whose objects it borrows, unless it is on the disk of another host.',
    )
    .argument('<name>', 'The repository that is forked.', repositoryArgument)
    .argument('<fork>', 'The name of the fork.', repositoryArgument)
    .option('--independent', 'Copy the objects instead. That takes time and space.')
    .action(
      reporting(at, async (name, to, { independent = false }, command) => {
        const wanted = { method: 'POST', path: `${pathOf(name)}/fork`, body: { to, independent } } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<Forked>(wanted, onLine))
        const { borrows, host } = document
        const where = host === undefined ? '' : ` on the host ${host}`
        const how = borrows ? `which borrows the objects of ${name}` : 'which has objects of its own'
        return { document, text: () => `Made ${to}${where}, ${how}.` }
      }),
    )
}

/** `host`: where the fork is on a disk of another host. */
type Forked = { readonly borrows: boolean; readonly host?: string }

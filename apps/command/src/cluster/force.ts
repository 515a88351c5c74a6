import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import type { Forced } from '@sluice/gitworker/administration/force/force-desk'
import { slotCount } from '@sluice/shared/placement/slot'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { UsageError } from '../output/failure.ts'
import type { Report } from '../output/report.ts'
import { withHost } from '../repo/host/reach-host.ts'
import { forcedText } from './forced-text.ts'

export function forceCommand(at: Surroundings) {
  return new Command('force')
    .description(
      'Make this host the primary of slots that it has a copy of, where no host that has every push is left. What only those hosts have may be lost. Without --yes, it says what would be done.',
    )
    .option('--slot <number>', 'One slot. May be given several times.', slots, [] as number[])
    .option(
      '--repository <name>',
      'The slot of a repository. May be given several times.',
      repositories,
      [] as string[],
    )
    .option('--all-down', 'All slots that are down, and that this host has a copy of.')
    .option('--yes', 'Do it.')
    .action(
      reporting(at, async ({ slot, repository, allDown, yes }, command): Promise<Report> => {
        const areNamed = slot.length + repository.length > 0
        if (areNamed === (allDown === true)) {
          throw new UsageError('Say which slots: with --slot and --repository, or all that are down with --all-down.')
        }
        const which = allDown ? { allDown } : { slots: slot, repositories: repository }
        const body = { ...which, dryRun: !yes }
        const wanted = { method: 'POST', path: 'cluster/force', body } as const
        const document = await withHost(at, command, (host) => host.ask<Forced>(wanted))
        const isWhole = document.left.length === 0 || (allDown === true && document.slots.length > 0)
        return { document, text: (screen) => forcedText(document, screen), exitCode: isWhole ? 0 : 1 }
      }),
    )
}

function slots(text: string, before: number[]): number[] {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : NaN
  if (number < slotCount) return [...before, number]
  throw new InvalidArgumentError(`It is a whole number from 0 to ${slotCount - 1}.`)
}

function repositories(text: string, before: string[]): string[] {
  return [...before, repositoryArgument(text)]
}

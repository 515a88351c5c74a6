import { Command, Option } from '@commander-js/extra-typings'
import type { Amount, Pruned } from '@sluice/gitworker/administration/lfs/prune-objects'
import { longDuration } from '@sluice/shared/config/setting/values'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { UsageError } from '../output/failure.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { bytesInWords } from '../output/words.ts'

/** What operators do with the objects of LFS. */
export function lfsCommand(at: Surroundings) {
  return new Command('lfs').description('The objects of Git LFS in a repository.').addCommand(pruneCommand(at))
}

function pruneCommand(at: Surroundings) {
  return new Command('prune')
    .description('Say which objects of LFS no reference and no reflog needs. Removes nothing without --remove.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .option('--remove', 'Remove them. They cannot be brought back.')
    .addOption(
      new Option(
        '--older-than <time>',
        'Only those that nobody has uploaded, or wanted to push, for so long: 1h at least.',
      )
        .argParser(age)
        .default(age('14d'), '14d'),
    )
    .action(
      reporting(at, async (name, { remove = false, olderThan }, command) => {
        const body = { dryRun: !remove, minAgeSeconds: olderThan }
        const wanted = { method: 'POST', path: `${pathOf(name)}/lfs-prune`, body } as const
        const document = await withHost(at, command, (host, onLine) => host.ask<Pruned>(wanted, onLine))
        return { document, text: () => textOf(name, document) }
      }),
    )
}

const leastSeconds = 3600

/** @returns seconds */
function age(value: string): number {
  const { success, data } = longDuration(leastSeconds * 1000).safeParse(value)
  if (success) return Math.round(data / 1000)
  throw new UsageError(`--older-than ${value}: it takes a time of an hour or more, such as 12h or 14d.`)
}

function textOf(name: string, { isDryRun, all, young, unneeded }: Pruned): string {
  if (all.objects === 0) return `${name} has no objects in LFS.`
  const rest = `of ${inWords(all)}; ${inWords(young)} are too young to be looked at`
  if (!isDryRun) return `${name}: removed ${inWords(unneeded)}, ${rest}.`
  const next = unneeded.objects === 0 ? [] : ['Nothing was removed. To remove them: the same with --remove.']
  return [`${name}: nothing needs ${inWords(unneeded)}, ${rest}.`, ...next].join('\n')
}

function inWords({ objects, bytes }: Amount): string {
  return `${objects} ${objects === 1 ? 'object' : 'objects'} (${bytesInWords(bytes)})`
}

import { Command, Option } from '@commander-js/extra-typings'
import type { Listed } from '@sluice/gitworker/administration/look/list'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'
import { table } from '../output/table.ts'
import { withHost } from './host/reach-host.ts'
import { bytesInWords, printable, timeInWords } from '../output/words.ts'

const orders = {
  name: (one: Listed, other: Listed) => (one.name < other.name ? -1 : 1),
  size: (one: Listed, other: Listed) => other.size - one.size,
  push: (one: Listed, other: Listed) => ((one.lastPush ?? '') < (other.lastPush ?? '') ? 1 : -1),
} as const

export function listCommand(at: Surroundings) {
  return new Command('list')
    .description('List the repositories, with size, last push, default branch and more.')
    .argument('[pattern]', 'Only those whose names fit, such as team/*; ** stands for any number of folders.')
    .addOption(
      new Option('--sort <by>', 'By name; size: the largest first; push: the last pushed to first.')
        .choices(['name', 'size', 'push'] as const)
        .default('name' as const),
    )
    .action(
      reporting(at, async (pattern, { sort }, command): Promise<Report> => {
        const found: Listed[] = []
        await withHost(at, command, (host) => {
          const query = pattern === undefined ? '' : `?pattern=${encodeURIComponent(pattern)}`
          return host.ask({ method: 'GET', path: `repositories${query}` }, ({ repository }) => {
            if (repository !== undefined) found.push(repository as Listed)
          })
        })
        const repositories = found.toSorted(orders[sort])
        return {
          document: { repositories },
          text: (screen) =>
            repositories.length === 0 ? nothing(pattern) : table(columns, repositories.map(row), screen),
        }
      }),
    )
}

const columns = [
  { title: 'name' },
  { title: 'size', align: 'right' },
  { title: 'last push' },
  { title: 'head' },
  { title: 'format' },
  { title: 'pushes' },
  { title: 'description' },
] as const

function row(repository: Listed): string[] {
  const { name, size, lastPush } = repository
  const common = [printable(name), bytesInWords(size), timeInWords(lastPush)]
  if ('problem' in repository) return [...common, '?', '?', '?', repository.problem]
  const { head, objectFormat, readOnly, description } = repository
  return [...common, printable(head), objectFormat, readOnly === null ? 'yes' : 'no', printable(description)]
}

function nothing(pattern: string | undefined): string {
  return pattern === undefined ? 'There are no repositories.' : `No repository fits ${pattern}.`
}

import { Command } from '@commander-js/extra-typings'
import type { MirrorStatus } from '@sluice/gitworker/operations/host-status'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'
import { table } from '../output/table.ts'
import { withHost } from '../repo/host/reach-host.ts'
import { printable, timeInWords } from '../output/words.ts'

export function listCommand(at: Surroundings) {
  return new Command('list')
    .description('List the mirrors: when each was last as its upstream, and what is wrong.')
    .action(
      reporting(at, async (_options, command): Promise<Report> => {
        const wanted = { method: 'GET', path: 'mirrors' } as const
        const document = await withHost(at, command, (host) => host.ask<{ mirrors: MirrorStatus[] }>(wanted))
        const { mirrors } = document
        return {
          document,
          text: (screen) => (mirrors.length === 0 ? 'There are no mirrors.' : table(columns, mirrors.map(row), screen)),
        }
      }),
    )
}

const columns = [
  { title: 'name' },
  { title: 'last success' },
  { title: 'now' },
  { title: 'failures', align: 'right' },
  { title: 'upstream' },
  { title: 'what is wrong' },
] as const

function row({ repository, upstream, phase, lastSuccess, failures, lastFailure, gaveWay }: MirrorStatus): string[] {
  const wrong = printable(gaveWay ?? (failures === 0 ? '' : (lastFailure?.said ?? '')))
  return [printable(repository), timeInWords(lastSuccess ?? null), phase, String(failures), printable(upstream), wrong]
}

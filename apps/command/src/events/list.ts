import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import type { FailedEvent, ListedEvent, ReceiverStatus } from '@sluice/gitworker/events/events-desk'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report, Screen } from '../output/report.ts'
import { table } from '../output/table.ts'
import { withHost } from '../repo/host/reach-host.ts'
import { printable, timeInWords } from '../output/words.ts'

export function listCommand(at: Surroundings) {
  return new Command('list')
    .description('List the last events, from the oldest, and who has not taken them yet.')
    .option('--failed', 'Only what a receiver has not taken for a day, and is no longer sent.')
    .option('--last <number>', 'How many events, from 1 to 10000.', numberOf, 100)
    .action(
      reporting(at, async ({ failed, last }, command): Promise<Report> => {
        if (failed === true) {
          const wanted = { method: 'GET', path: 'events?failed=yes' } as const
          const document = await withHost(at, command, (host) => host.ask<{ failed: FailedEvent[] }>(wanted))
          return { document, text: (screen) => failedText(document.failed, screen) }
        }
        const events: ListedEvent[] = []
        const wanted = { method: 'GET', path: `events?most=${last}` } as const
        const { receivers } = await withHost(at, command, (host) =>
          host.ask<{ receivers: ReceiverStatus[] }>(wanted, ({ event }) => events.push(event as ListedEvent)),
        )
        return { document: { events, receivers }, text: (screen) => eventsText(events, screen) }
      }),
    )
}

function numberOf(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > 10_000) throw new InvalidArgumentError('It is a whole number from 1 to 10000.')
  return number
}

const columns = [
  { title: 'time' },
  { title: 'id' },
  { title: 'kind' },
  { title: 'repository' },
  { title: 'what' },
  { title: 'user' },
  { title: 'not taken by' },
] as const

function eventsText(events: readonly ListedEvent[], screen: Screen): string {
  if (events.length === 0) return 'There are no events yet.'
  const rows = events.map((event) => [
    timeInWords(event.time),
    event.id,
    event.kind,
    printable(event.repository),
    printable(whatOf(event)),
    printable(event.user ?? ''),
    [...event.waiting, ...event.failed.map((name) => `${name} (given up)`)].join(', '),
  ])
  return table(columns, rows, screen)
}

function whatOf({ kind, to, ref = '', old = '', new: id = '' }: ListedEvent): string {
  if (kind === 'rename') return `to ${to ?? ''}`
  return kind === 'push' ? `${ref} ${shortId(old)}..${shortId(id)}` : ''
}

function shortId(id: string): string {
  return id.slice(0, 8)
}

const failedColumns = [
  { title: 'since' },
  { title: 'id' },
  { title: 'receiver' },
  { title: 'repository' },
  { title: 'attempts', align: 'right' },
  { title: 'why' },
] as const

function failedText(failed: readonly FailedEvent[], screen: Screen): string {
  if (failed.length === 0) return 'Receivers have taken all events, or are still sent them.'
  const rows = failed.map(({ parkedAt, id, receiver, repository, attempts, why }) => [
    timeInWords(parkedAt),
    id,
    receiver,
    printable(repository),
    String(attempts),
    printable(why),
  ])
  return table(failedColumns, rows, screen)
}

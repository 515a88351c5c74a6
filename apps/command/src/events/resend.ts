import { Command } from '@commander-js/extra-typings'
import type { Sent } from '@sluice/gitworker/events/events-desk'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'
import { withHost } from '../repo/host/reach-host.ts'
import { sentText } from './sent-text.ts'

export function resendCommand(at: Surroundings) {
  return new Command('resend')
    .description('Send an event once more, now, to all receivers that want it. Fails where one does not take it.')
    .argument('<id>', 'The id of the event, as "sluice events list" shows it.')
    .option('--to <receiver>', 'Only to this receiver.')
    .action(
      reporting(at, async (id, { to }, command): Promise<Report> => {
        const body = to === undefined ? {} : { receiver: to }
        const wanted = { method: 'POST', path: `events/${encodeURIComponent(id)}/resend`, body } as const
        const document = await withHost(at, command, (host) => host.ask<{ sent: Sent[] }>(wanted))
        const { sent } = document
        const text = () => (sent.length === 0 ? 'No receiver wants it.' : sent.map(sentText).join('\n'))
        return { document, text, exitCode: sent.every(({ isTaken }) => isTaken) ? 0 : 1 }
      }),
    )
}

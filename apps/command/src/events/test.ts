import { Command } from '@commander-js/extra-typings'
import type { Sent } from '@sluice/gitworker/events/events-desk'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'
import { withHost } from '../repo/host/reach-host.ts'
import { sentText } from './sent-text.ts'

export function testCommand(at: Surroundings) {
  return new Command('test')
    .description('Send a receiver a ping, and say what it answers. Fails where it does not take it.')
    .argument('<receiver>', 'Its name in SLUICE_EVENTS_FILE.')
    .action(
      reporting(at, async (receiver, _options, command): Promise<Report> => {
        const wanted = { method: 'POST', path: `receivers/${encodeURIComponent(receiver)}/test` } as const
        const document = await withHost(at, command, (host) => host.ask<Sent>(wanted))
        return { document, text: () => sentText(document), exitCode: document.isTaken ? 0 : 1 }
      }),
    )
}

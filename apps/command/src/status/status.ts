import { Command } from '@commander-js/extra-typings'
import { globalOptions, reporting } from '../call/reporting.ts'
import { readSettings } from '../call/settings.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'

export function statusCommand(at: Surroundings) {
  return new Command('status')
    .description(
      'Show what the running supervisor does, second by second until q or Ctrl-C. Once, if not on a terminal.',
    )
    .option('--once', 'Show it once, also on a terminal.')
    .option('--address <address>', 'Where the supervisor serves its operators. Default: SLUICE_SUPERVISOR_OPERATIONS.')
    .action(
      reporting(at, async ({ once, address: named }, command): Promise<Report | undefined> => {
        const { settings } = await import('@sluice/shared/config/settings')
        const { supervisorOperations } = await readSettings(
          { supervisorOperations: settings.supervisorOperations },
          at,
          command,
        )
        const { addressFor, askStatus } = await import('./ask-status.ts')
        const address = addressFor(named, supervisorOperations)
        const status = await askStatus(address)
        const { statusLines } = await import('./status-lines.ts')
        const report = { document: status, text: (screen) => statusLines(status, screen).join('\n') } satisfies Report
        if (once || globalOptions(command).json || !at.stdout.isTTY) return report
        const { watchStatus } = await import('./watch-status.ts')
        await watchStatus(status, () => askStatus(address), at)
        return undefined
      }),
    )
}

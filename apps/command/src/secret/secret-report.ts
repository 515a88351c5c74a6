import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { globalOptions } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'

/**
 * A report on something secret that is shown only once. Of the text, the secret alone goes to standard output, so that
 * `TOKEN=$(sluice token create …)` has nothing else in it. What is said beside it goes to standard error.
 */
export function secretReport(
  at: Surroundings,
  command: CommandUnknownOpts,
  told: { readonly secret: string; readonly document: unknown; readonly beside: readonly string[] },
): Report {
  if (!globalOptions(command).json) at.stderr.write(told.beside.map((line) => `${line}\n`).join(''))
  return { document: told.document, text: () => told.secret }
}

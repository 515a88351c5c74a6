import { Command } from '@commander-js/extra-typings'
import type { Surroundings } from '../call/surroundings.ts'
import { environmentOf, globalOptions, reporting } from '../call/reporting.ts'
import { showReport } from '../output/report.ts'
import type { Output } from './quick-start.ts'

export function startCommand(at: Surroundings) {
  return new Command('start')
    .description('Run a supervisor and a gateway in this terminal, with a repository to try, until Ctrl-C.')
    .argument('[folder]', 'Where to keep everything. Default: var, in the folder of Sluice.')
    .action(
      reporting(at, async (folder, _options, command) => {
        const { quickStart } = await import('./quick-start.ts')
        return await quickStart(folder, environmentOf(at, command), outputOf(at, globalOptions(command).json ?? false))
      }),
    )
}

/** With --json, the document is all that standard output gets. */
function outputOf({ stdout, stderr }: Surroundings, json: boolean): Output {
  return {
    log: json ? 'stderr' : 'stdout',
    announce: (announcement) => showReport(announcement, json, stdout),
    say: (text) => void (json ? stderr : stdout).write(text),
  }
}

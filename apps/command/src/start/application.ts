import { fileURLToPath } from 'node:url'
import { Command } from '@commander-js/extra-typings'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { environmentOf } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'

export function gatewayCommand(at: Surroundings) {
  return new Command('gateway')
    .description('Run a gateway: it takes the requests of git clients, and passes them on to the supervisor.')
    .action((_options, command) => become('apps/gateway/src/main.ts', at, command))
}

export function supervisorCommand(at: Surroundings) {
  return new Command('supervisor')
    .description('Run the supervisor of this host: it serves the repositories.')
    .action((_options, command) => become('apps/gitworker/src/main.ts', at, command))
}

const project = new URL('../../../../', import.meta.url)

/** Puts an application in the place of this process, so that signals, exit code and pid are its own. */
function become(main: string, at: Surroundings, command: CommandUnknownOpts): never {
  const args = [process.execPath, ...nodeFlags, fileURLToPath(new URL(main, project))]
  if (!process.execve)
    throw new CommandError('This Node cannot be replaced by another one. Run "npm ci" for the one that Sluice brings.')
  return process.execve(process.execPath, args, definedIn(environmentOf(at, command)))
}

function definedIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

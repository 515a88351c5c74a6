import { Command } from '@commander-js/extra-typings'
import type { CommanderError, CommandUnknownOpts } from '@commander-js/extra-typings'
import { version } from '@sluice/shared/version'
import { statusCommand } from './status/status.ts'
import { UsageError } from './output/failure.ts'
import { checkCommand } from './check/check.ts'
import { completionCommand } from './completion/completion.ts'
import { configCommand } from './config/config.ts'
import { gatewayCommand, supervisorCommand } from './start/application.ts'
import { eventsCommand } from './events/events.ts'
import { mirrorCommand } from './mirror/mirror.ts'
import { repoCommand } from './repo/repo.ts'
import { clusterCommand } from './cluster/cluster.ts'
import { startCommand } from './start/start.ts'
import { canCommand } from './can/can.ts'
import { tokenCommand } from './token/token.ts'
import { userCommand } from './user/user.ts'
import type { Surroundings } from './call/surroundings.ts'

/** The command `sluice` with everything that it can do. The help, the completion and the reference are made from it. */
export function buildProgram(at: Surroundings): CommandUnknownOpts {
  const program = new Command('sluice')
    .description('A git remote for smart HTTP: runs it, checks it, and looks after its repositories and users.')
    .version(version, '-V, --version', 'Print the version.')
    .option('--config <file>', 'Read settings from this file. Variables of the environment win. (SLUICE_CONFIG)')
    .option('--json', 'Print one JSON document instead of text, also for an error.')
    .addCommand(startCommand(at))
    .addCommand(clusterCommand(at))
    .addCommand(gatewayCommand(at))
    .addCommand(supervisorCommand(at))
    .addCommand(checkCommand(at))
    .addCommand(configCommand(at))
    .addCommand(statusCommand(at))
    .addCommand(repoCommand(at))
    .addCommand(mirrorCommand(at))
    .addCommand(eventsCommand(at))
    .addCommand(userCommand(at))
    .addCommand(tokenCommand(at))
    .addCommand(canCommand(at))
    .addCommand(completionCommand(at))
  prepare(program, at)
  program.helpCommand('help [command]', 'Show the help of a command.')
  return program
}

/** What holds for each command: errors are thrown, output goes where the surroundings say, all help looks alike. */
function prepare(command: CommandUnknownOpts, at: Surroundings): void {
  command
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : usageError(error, command)
    })
    .configureOutput({
      writeOut: (text) => void at.stdout.write(text),
      writeErr: () => {}, // `run` says it.
      getOutHelpWidth: () => at.stdout.columns ?? 100,
    })
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
  for (const below of command.commands) prepare(below, at)
}

/** In commander's words, as one sentence, and where to read on. */
function usageError({ code, message }: CommanderError, command: CommandUnknownOpts): UsageError {
  const help = `"${pathOf(command)} --help"`
  if (code === 'commander.help') return new UsageError('Say which command to run.', command.helpInformation())
  const sentence = rewordings.reduce((text, [words, better]) => text.replace(words, better), message)
  const ended = /[.?!]$/.test(sentence) ? sentence : `${sentence}.`
  return new UsageError(`${ended[0]!.toUpperCase()}${ended.slice(1)} ${help} says what there is.`)
}

/** What commander says, and what is easier to read. */
const rewordings: readonly (readonly [RegExp, string])[] = [
  [/^error: /, ''],
  // What was given to it may be a password.
  [/^unknown option '(-[^=']*)=.*'$/s, "Unknown option '$1'"],
  [/\n\(Did you mean (.*)\?\)$/s, '. Did you mean $1?'],
  [/^option '(.*)' argument missing$/, "Option '$1' needs a value"],
  [/^option '(.*)' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/, "Option '$1' takes one of $3, not '$2'."],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/,
    "'$1' is no $2: it is one of $3.",
  ],
  [/^missing required argument '(.*)'$/, 'Say the $1, too'],
]

/** As it is typed: `sluice repo list`. */
function pathOf(command: CommandUnknownOpts): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

import { buildProgram } from '../../apps/command/src/program.ts'
import { exitCodes } from '../../apps/command/src/output/failure.ts'
import { reference, table } from './markdown.ts'

type AnyCommand = ReturnType<typeof buildProgram>

/** `docs/reference/command.md`: every command, with its arguments and options. */
export function commandReference(): string {
  const nowhere = { write: () => {} }
  const program = buildProgram({ env: {}, stdin: process.stdin, stdout: nowhere, stderr: nowhere })
  return reference('The command', 'apps/command/src/', [
    'After `npm ci`, `npx sluice` works in the folder of Sluice. A link to `apps/command/bin/sluice` works from anywhere, such as `ln -s /opt/sluice/apps/command/bin/sluice /usr/local/bin/sluice`. The image has such a link.',
    'Commands read the same settings as the applications: variables, and a [settings file](settings.md).',
    ...optionsOf('Every command takes:', program),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(exitCodes).map(([kind, code]) => [`${code}`, meanings[kind as keyof typeof exitCodes]]),
    ),
    'With `--json`, standard output gets one document, and so it does for an error: `{"error": {"kind", "message", "problems"}}`, where `kind` is `failed`, `usage` or `configuration`. The names in documents stay as they are. Without it, errors go to standard error. Colours are for terminals only, and `NO_COLOR` turns them off.',
    ...program.commands.flatMap((command) => sectionsOf(command, 'sluice')),
  ])
}

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  failed: 'it failed; trying again may help',
  usage: 'the command was called in a wrong way',
  configuration: 'the settings, or the files that they name, are not valid. Trying again does not help',
}

function sectionsOf(command: AnyCommand, above: string): string[] {
  const path = `${above} ${command.name()}`
  const { commands, registeredArguments: args } = command
  const usage = `\`${path} ${command.usage()}\``
  const argRows = args.map((arg) => [`\`${arg.name()}\``, withChoices(arg.description, arg.argChoices)])
  return [
    `## ${path}`,
    escaped(command.description()),
    commands.length > 0 ? '' : usage,
    argRows.length > 0 ? table(['argument', ''], argRows) : '',
    ...optionsOf('', command),
    ...commands.flatMap((below) => sectionsOf(below, path)),
  ].filter((part) => part !== '')
}

function optionsOf(intro: string, command: AnyCommand): string[] {
  const options = command.options.filter(({ hidden }) => !hidden)
  if (options.length === 0) return []
  const rows = options.map(({ flags, description, argChoices }) => [
    `\`${flags}\``,
    withChoices(description, argChoices),
  ])
  return [intro, table(['option', ''], rows)].filter((part) => part !== '')
}

function withChoices(description: string, choices: readonly string[] | undefined): string {
  return choices ? `${description} One of: ${choices.join(', ')}.` : description
}

/** Patterns and placeholders in a description are no Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[*<>]/g, (mark) => `\\${mark}`)
}

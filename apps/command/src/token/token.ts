import { Argument, Command, Option } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'

const file = ['--file <file>', 'The token file. (SLUICE_TOKEN_FILE)'] as const
const rights = ['read', 'write', 'create'] as const

/** Tokens of SLUICE_ACCESS=file. */
export function tokenCommand(at: Surroundings) {
  return new Command('token')
    .description(
      'Look after the tokens for CI in the token file (SLUICE_ACCESS=file). A gateway sees a change within a second.',
    )
    .addCommand(create(at))
    .addCommand(list(at))
    .addCommand(revoke(at))
}

function create(at: Surroundings) {
  return new Command('create')
    .description('Make a token, and print it. It is shown only once.')
    .requiredOption(
      '--repository <pattern>',
      'What it is for: team/app, team/**. May be given several times.',
      (pattern: string, earlier: string[] | undefined) => [...(earlier ?? []), pattern],
    )
    .addOption(
      new Option('--right <right>', 'What it lets its holder do. write includes read, and create includes write.')
        .choices(rights)
        .makeOptionMandatory(),
    )
    .option(
      '--expires <time>',
      'When it ends: in a time such as 12h, 90d or 52w, on a day such as 2027-01-31, or never.',
      '90d',
    )
    .option(
      '--user <name>',
      'Whose it is. It never lets its holder do more than this user may, and ends with the user.',
    )
    .option('--description <text>', 'What it is for, for people.')
    .option(...file)
    .action(
      reporting(at, async (options, command) => {
        const { create: createToken } = await import('./create.ts')
        return await createToken(at, command, options)
      }),
    )
}

function list(at: Surroundings) {
  return new Command('list')
    .description('List the tokens. Nobody can show a token itself again.')
    .option(...file)
    .action(
      reporting(at, async (options, command) => {
        const { list: listTokens } = await import('./list.ts')
        return await listTokens(at, command, options)
      }),
    )
}

function revoke(at: Surroundings) {
  return new Command('revoke')
    .description('End tokens at once. A request that has begun is not cut off.')
    .addArgument(
      new Argument('[ids...]', 'The first part of a token, after "sluice_". "sluice token list" and the log show it.'),
    )
    .option('--user <name>', 'All tokens of this user.')
    .option('--expired', 'All tokens that have ended by themselves.')
    .option(...file)
    .action(
      reporting(at, async (ids, options, command) => {
        const { revoke: revokeTokens } = await import('./revoke.ts')
        return await revokeTokens(at, command, ids, options)
      }),
    )
}

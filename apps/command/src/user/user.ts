import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { passwordOptions } from '../secret/password-options.ts'

const file = ['--file <file>', 'The password file. (SLUICE_PASSWORD_FILE)'] as const

/** Users of SLUICE_ACCESS=file. */
export function userCommand(at: Surroundings) {
  return new Command('user')
    .description(
      'Look after the users in the password file (SLUICE_ACCESS=file). A gateway sees a change within a second.',
    )
    .addCommand(add(at))
    .addCommand(passwd(at))
    .addCommand(remove(at))
    .addCommand(list(at))
}

function add(at: Surroundings) {
  return new Command('add')
    .description('Add a user. The password is asked for twice, and not shown.')
    .argument('<name>', 'The name that the user logs in with.')
    .option(...file)
    .addOption(passwordOptions.stdin())
    .addOption(passwordOptions.generate())
    .addOption(passwordOptions.bcrypt())
    .addOption(passwordOptions.argument())
    .allowExcessArguments()
    .action(
      reporting(at, async (name, options, command) => {
        const { add: addUser } = await import('./add.ts')
        return await addUser(at, command, name, options)
      }),
    )
}

function passwd(at: Surroundings) {
  return new Command('passwd')
    .description('Change the password of a user. The old one is wrong at once. Tokens of the user stay.')
    .argument('<name>', 'The user.')
    .option(...file)
    .addOption(passwordOptions.stdin())
    .addOption(passwordOptions.generate())
    .addOption(passwordOptions.bcrypt())
    .addOption(passwordOptions.argument())
    .allowExcessArguments()
    .action(
      reporting(at, async (name, options, command) => {
        const { passwd: changePassword } = await import('./passwd.ts')
        return await changePassword(at, command, name, options)
      }),
    )
}

function remove(at: Surroundings) {
  return new Command('remove')
    .description('Remove a user, and revoke the tokens of the user. Says which rules still have the name.')
    .argument('<name>', 'The user.')
    .option(...file)
    .action(
      reporting(at, async (name, options, command) => {
        const { remove: removeUser } = await import('./remove.ts')
        return await removeUser(at, command, name, options)
      }),
    )
}

function list(at: Surroundings) {
  return new Command('list')
    .description('List the users, with the groups and rules that have their names.')
    .option(...file)
    .action(
      reporting(at, async (options, command) => {
        const { list: listUsers } = await import('./list.ts')
        return await listUsers(at, command, options)
      }),
    )
}

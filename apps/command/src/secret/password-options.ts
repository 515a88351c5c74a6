import { Option } from '@commander-js/extra-typings'

export type PasswordOptions = {
  readonly passwordStdin?: true | undefined
  readonly generate?: true | undefined
  readonly bcrypt?: true | undefined
  readonly password?: string | true | undefined
}

/** The options of a command that takes a new password. */
export const passwordOptions = {
  stdin: () => new Option('--password-stdin', 'Read the password from standard input: one line.').conflicts('generate'),
  generate: () => new Option('--generate', 'Make a random password, and print it. It is shown only once.'),
  bcrypt: () =>
    new Option('--bcrypt', 'Hash the password with bcrypt instead of argon2id, for programs that know no other.'),
  /** People try it, so it gets a better answer than that there is no such option. */
  argument: () => new Option('-p, --password [password]').hideHelp(),
}

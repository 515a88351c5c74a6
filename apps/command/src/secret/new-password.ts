import { problemOfNewPassword } from '@sluice/access/passwords/new-hash'
import type { PasswordHash } from '@sluice/access/passwords/password-file'
import { randomText } from '@sluice/access/random-text'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, UsageError } from '../output/failure.ts'
import { openHiddenPrompt } from './hidden-prompt.ts'
import type { PasswordOptions } from './password-options.ts'

/** 143 random bits. */
const generatedLength = 24
const maxBytes = 8192

export type NewPassword = { readonly text: string; readonly isGenerated: boolean; readonly kind: PasswordHash['kind'] }

/** @throws {UsageError} where the command was given a password as an argument. The message does not quote it */
export function checkNoPasswordIn(args: readonly string[], options: PasswordOptions): void {
  if (options.password === undefined && args.length <= 1) return
  throw new UsageError(
    'A password is never an argument: everybody on this machine could read it in the list of processes. Use --password-stdin, or type it when you are asked.',
  )
}

/**
 * Gets a new password in the way that the options say: by asking twice if they say nothing.
 *
 * @throws {UsageError | CommandError} in words that do not quote it
 */
export async function newPassword(at: Surroundings, options: PasswordOptions, user: string): Promise<NewPassword> {
  const kind = options.bcrypt ? 'bcrypt' : 'argon2id'
  if (options.generate) return { text: randomText(generatedLength), isGenerated: true, kind }
  const text = options.passwordStdin ? await fromStandardInput(at.stdin) : await fromTerminal(at, user)
  const problem = problemOfNewPassword(text, kind)
  if (problem !== undefined) throw new CommandError(`${problem} Nothing was changed.`)
  return { text, isGenerated: false, kind }
}

async function fromTerminal(at: Surroundings, user: string): Promise<string> {
  if (!at.stdin.isTTY) {
    throw new UsageError(
      'There is no terminal to ask for the password on: use --password-stdin to read it from standard input, or --generate to have one made.',
    )
  }
  using prompt = openHiddenPrompt(at)
  const text = await prompt.ask(`New password of ${user}: `)
  const again = await prompt.ask('The same again: ')
  if (text !== again) throw new CommandError('The two passwords differ: nothing was changed.')
  return text
}

/** Without a byte order mark, which editors put before the text of a file. */
async function fromStandardInput(stdin: NodeJS.ReadStream): Promise<string> {
  if (stdin.isTTY) {
    throw new UsageError(
      '--password-stdin reads from a pipe or a file. On a terminal, leave it out: you will be asked.',
    )
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    chunks.push(Buffer.from(chunk))
    size += chunks.at(-1)!.length
    if (size > maxBytes)
      throw new CommandError(`There are more than ${maxBytes} bytes on standard input, too many for a password.`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '')
  } catch (cause) {
    throw new CommandError('The password on standard input is not UTF-8 text. Nothing was changed.', { cause })
  }
}

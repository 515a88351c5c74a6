import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { checkChangeable } from '@sluice/access/files/changed-file'
import { addUser } from '@sluice/access/passwords/change-users'
import { hashPassword } from '@sluice/access/passwords/new-hash'
import { problemOfNewName } from '@sluice/access/passwords/new-user-name'
import { accessFilesOf, notInForce, passwordFileOf } from '../access/access-files.ts'
import { newFileInWords } from '../access/new-file-words.ts'
import { readPasswordsIfAny } from '../access/read-files.ts'
import { readTraces } from '../access/user-traces.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, UsageError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { checkNoPasswordIn, newPassword } from '../secret/new-password.ts'
import type { PasswordOptions } from '../secret/password-options.ts'
import { secretReport } from '../secret/secret-report.ts'
import { tracesInWords } from './traces-in-words.ts'

export async function add(
  at: Surroundings,
  command: CommandUnknownOpts,
  name: string,
  options: PasswordOptions & { readonly file?: string | undefined },
): Promise<Report> {
  checkNoPasswordIn(command.args, options)
  const problem = problemOfNewName(name)
  if (problem !== undefined) throw new UsageError(problem)
  const files = await accessFilesOf(at, command, { passwords: options.file })
  const path = passwordFileOf(files)
  const shown = plainText(name)
  if ((await readPasswordsIfAny(path)).has(name)) {
    throw new CommandError(`There is a user "${shown}" in ${path}: "sluice user passwd" changes the password.`)
  }
  // Nobody types a password in vain.
  await checkChangeable(path)
  const { text, isGenerated, kind } = await newPassword(at, options, shown)
  const made = await addUser(path, name, await hashPassword(text, kind))

  const { of, problems } = await readTraces(files)
  const traces = of(name)
  const document = { user: name, file: path, hash: kind, created: made !== undefined, ...traces, problems }
  const lines = [
    `Added ${shown} to ${path}.`,
    ...(made ? [newFileInWords(path, made)] : []),
    ...tracesInWords(shown, traces, 'already'),
    ...problems,
    ...notInForce(files),
  ]
  if (!isGenerated) return { document, text: () => lines.join('\n') }
  const beside = [...lines, 'The password, which is shown only now:']
  return secretReport(at, command, { secret: text, document: { ...document, password: text }, beside })
}

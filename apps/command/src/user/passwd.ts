import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { checkChangeable } from '@sluice/access/files/changed-file'
import { changePassword } from '@sluice/access/passwords/change-users'
import { hashPassword } from '@sluice/access/passwords/new-hash'
import { accessFilesOf, notInForce, passwordFileOf } from '../access/access-files.ts'
import { readPasswords } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { checkNoPasswordIn, newPassword } from '../secret/new-password.ts'
import type { PasswordOptions } from '../secret/password-options.ts'
import { secretReport } from '../secret/secret-report.ts'

export async function passwd(
  at: Surroundings,
  command: CommandUnknownOpts,
  name: string,
  options: PasswordOptions & { readonly file?: string | undefined },
): Promise<Report> {
  checkNoPasswordIn(command.args, options)
  const files = await accessFilesOf(at, command, { passwords: options.file })
  const path = passwordFileOf(files)
  const shown = plainText(name)
  if (!(await readPasswords(path)).has(name)) {
    throw new CommandError(`There is no user "${shown}" in ${path}: "sluice user list" shows who there is.`)
  }
  // Nobody types a password in vain.
  await checkChangeable(path)
  const { text, isGenerated, kind } = await newPassword(at, options, shown)
  await changePassword(path, name, await hashPassword(text, kind))

  const document = { user: name, file: path, hash: kind }
  const lines = [`Changed the password of ${shown} in ${path}.`, ...notInForce(files)]
  if (!isGenerated) return { document, text: () => lines.join('\n') }
  const beside = [...lines, 'The password, which is shown only now:']
  return secretReport(at, command, { secret: text, document: { ...document, password: text }, beside })
}

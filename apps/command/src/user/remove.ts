import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { removeUser } from '@sluice/access/passwords/change-users'
import { revokeTokens } from '@sluice/access/tokens/change-tokens'
import { accessFilesOf, notInForce, passwordFileOf } from '../access/access-files.ts'
import { readPasswords } from '../access/read-files.ts'
import { readTraces } from '../access/user-traces.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { tracesInWords } from './traces-in-words.ts'

/** The tokens go first: a command that is killed in between can be given again. */
export async function remove(
  at: Surroundings,
  command: CommandUnknownOpts,
  name: string,
  options: { readonly file?: string | undefined },
): Promise<Report> {
  const files = await accessFilesOf(at, command, { passwords: options.file })
  const path = passwordFileOf(files)
  const shown = plainText(name)
  if (!(await readPasswords(path)).has(name)) throw new CommandError(`There is no user "${shown}" in ${path}.`)
  const { of, problems } = await readTraces(files)
  const traces = of(name)
  const revoked = traces.tokens.length > 0 ? await revokeTokens(files.tokens!, ({ user }) => user === name) : []
  await removeUser(path, name)

  const ids = revoked.map(({ id }) => id)
  const { groups, rules, ruleCount } = traces
  const lines = [
    `Removed ${shown} from ${path}.`,
    ...(ids.length > 0 ? [`Revoked the tokens of ${shown}: ${ids.join(', ')}.`] : []),
    ...tracesInWords(shown, { ...traces, tokens: [] }, 'still'),
    ...problems,
    ...notInForce(files),
  ]
  return {
    document: { user: name, file: path, revokedTokens: ids, groups, rules, ruleCount, problems },
    text: () => lines.join('\n'),
  }
}

import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { accessFilesOf, notInForce, passwordFileOf } from '../access/access-files.ts'
import { readPasswords } from '../access/read-files.ts'
import { readTraces } from '../access/user-traces.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { table } from '../output/table.ts'

const columns = [
  { title: 'user' },
  { title: 'hash' },
  { title: 'tokens', align: 'right' },
  { title: 'groups' },
  { title: 'rules' },
] as const

export async function list(
  at: Surroundings,
  command: CommandUnknownOpts,
  options: { readonly file?: string | undefined },
): Promise<Report> {
  const files = await accessFilesOf(at, command, { passwords: options.file })
  const path = passwordFileOf(files)
  const passwords = await readPasswords(path)
  const { of, named, problems } = await readTraces(files)
  const users = [...passwords].map(([user, { kind }]) => ({ user, hash: kind, ...of(user) }))
  const rows = users.map(({ user, hash, groups, rules: own, ruleCount, tokens: ids }) => [
    plainText(user),
    hash,
    String(ids.length),
    groups.map(({ name }) => plainText(name)).join(', '),
    own.length > 0 ? `line ${own.map(({ line }) => line).join(', ')}${ruleCount > own.length ? ', …' : ''}` : '',
  ])
  const strangers = named.filter((name) => !passwords.has(name))
  const notes = [...strangersInWords(strangers), ...problems, ...notInForce(files)]
  return {
    document: { file: path, users, strangers, problems },
    text: (screen) =>
      [rows.length > 0 ? table(columns, rows, screen) : `There is no user in ${path}.`, ...notes].join('\n'),
  }
}

const mostShown = 20

/** Names that rules have, and that nobody can log in with. */
function strangersInWords(names: readonly string[]): string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, mostShown).map(plainText).join(', ')
  return [`Rules have names of people who are not here: ${shown}${names.length > mostShown ? ', and more' : ''}.`]
}

import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { problemOf } from '@sluice/access/tokens/token-check'
import type { Token } from '@sluice/access/tokens/token-file'
import { accessFilesOf, notInForce, tokenFileOf } from '../access/access-files.ts'
import { readPasswords, readTokens } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report, Screen } from '../output/report.ts'
import { table } from '../output/table.ts'

const columns = ['id', 'ends', 'user', 'right', 'repositories', 'description'].map((title) => ({ title }))

export async function list(
  at: Surroundings,
  command: CommandUnknownOpts,
  options: { readonly file?: string | undefined },
): Promise<Report> {
  const files = await accessFilesOf(at, command, { tokens: options.file })
  const path = tokenFileOf(files)
  const { tokens } = await readTokens(path)
  // Where there is no password file to look into, nobody can say that a user is gone.
  const users = files.passwords === undefined ? { has: () => true } : await readPasswords(files.passwords)
  const now = Date.now()
  const listed = [...tokens.values()].map((token) => ({ token, problem: problemOf(token, users, now) }))
  return {
    document: {
      file: path,
      tokens: listed.map(({ token, problem }) => ({ ...shownOf(token), problem: problem ?? null })),
    },
    text: (screen) =>
      [
        listed.length > 0
          ? table(
              columns,
              listed.map(({ token, problem }) => rowOf(token, problem, screen)),
              screen,
            )
          : `There is no token in ${path}.`,
        ...notInForce(files),
      ].join('\n'),
  }
}

function rowOf(
  { id, endsAt, expires, user, right, repositories, description }: Token,
  problem: string | undefined,
  { paint }: Screen,
): string[] {
  const end = expires === 'never' ? 'never' : expires.slice(0, 16).replace('T', ' ')
  const isOver = problem !== undefined && Date.now() >= endsAt
  return [
    id,
    isOver ? paint('red', `${end} (over)`) : end,
    user === undefined
      ? ''
      : problem !== undefined && !isOver
        ? paint('red', `${plainText(user)} (gone)`)
        : plainText(user),
    right,
    repositories.map(plainText).join(', '),
    plainText(description ?? ''),
  ]
}

function shownOf({ id, user, right, repositories, created, expires, description }: Token) {
  return { id, user, right, repositories, created, expires, description }
}

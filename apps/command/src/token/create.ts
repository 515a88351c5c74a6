import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { createToken } from '@sluice/access/tokens/change-tokens'
import { problemOfNewToken } from '@sluice/access/tokens/token-file'
import type { TokenLine } from '@sluice/access/tokens/token-file'
import { ConfigError } from '@sluice/shared/config/config-error'
import { whyNoRepositoryFits } from '@sluice/shared/git/pattern-mistakes'
import { accessFilesOf, notInForce, tokenFileOf } from '../access/access-files.ts'
import type { AccessFiles } from '../access/access-files.ts'
import { newFileInWords } from '../access/new-file-words.ts'
import { readPasswords } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, UsageError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { secretReport } from '../secret/secret-report.ts'
import { endIn } from './end.ts'

export type CreateOptions = {
  readonly repository: readonly string[]
  readonly right: TokenLine['right']
  readonly expires: string
  readonly user?: string | undefined
  readonly description?: string | undefined
  readonly file?: string | undefined
}

export async function create(at: Surroundings, command: CommandUnknownOpts, options: CreateOptions): Promise<Report> {
  const { repository: repositories, right, user, description } = options
  const now = new Date()
  const expires = endIn(options.expires, now)
  for (const pattern of repositories) checkPattern(pattern)
  const asked = {
    ...(user === undefined ? {} : { user }),
    right,
    repositories: [...repositories],
    created: now.toISOString(),
    expires,
    ...(description === undefined ? {} : { description }),
  }
  const problem = problemOfNewToken(asked)
  if (problem !== undefined) throw new UsageError(problem)
  const files = await accessFilesOf(at, command, { tokens: options.file })
  const path = tokenFileOf(files)
  if (user !== undefined) await checkUser(user, files)
  const { text, line, file } = await createToken(path, asked)

  const { sha256: _digest, ...shown } = line
  const whose = user === undefined ? '' : `, as far as ${plainText(user)} may`
  const beside = [
    `Token ${line.id} may ${right} ${repositories.map(plainText).join(', ')}${whose}, ${expires === 'never' ? 'without an end' : `until ${expires}`}.`,
    ...(file ? [newFileInWords(path, file)] : []),
    ...notInForce(files),
    'The token, which is shown only now (the password of any user name in git):',
  ]
  return secretReport(at, command, { secret: text, document: { ...shown, file: path, token: text }, beside })
}

/** Refuses what nothing can fit. */
function checkPattern(pattern: string): void {
  const why = pattern === '' ? 'a pattern has at least one character' : whyNoRepositoryFits(pattern)
  if (why !== undefined) throw new UsageError(`--repository ${JSON.stringify(pattern)}: ${why}.`)
}

/** @throws where there is no such user, or nobody can tell */
async function checkUser(user: string, { passwords }: AccessFiles): Promise<void> {
  if (passwords === undefined) {
    throw new ConfigError(['SLUICE_PASSWORD_FILE is not set: --user needs it to see whether there is such a user.'])
  }
  if (!(await readPasswords(passwords)).has(user)) {
    throw new CommandError(
      `There is no user "${plainText(user)}" in ${passwords}: add the user first, or leave out --user.`,
    )
  }
}

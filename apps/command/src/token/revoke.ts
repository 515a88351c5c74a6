import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { revokeTokens } from '@sluice/access/tokens/change-tokens'
import type { Token } from '@sluice/access/tokens/token-file'
import { idIn, tokenId } from '@sluice/access/tokens/token-text'
import { accessFilesOf, notInForce, tokenFileOf } from '../access/access-files.ts'
import { readTokens } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, UsageError } from '../output/failure.ts'
import type { Report } from '../output/report.ts'

export type RevokeOptions = {
  readonly user?: string | undefined
  readonly expired?: true | undefined
  readonly file?: string | undefined
}

/** Ends all that were named, or none where one of them is not there. */
export async function revoke(
  at: Surroundings,
  command: CommandUnknownOpts,
  named: readonly string[],
  { user, expired, file }: RevokeOptions,
): Promise<Report> {
  if (named.length === 0 && user === undefined && !expired) {
    throw new UsageError(
      'Say which tokens to revoke: by id, or with --user or --expired. "sluice token list" shows them.',
    )
  }
  const ids = new Set(named.map(idOf))
  const files = await accessFilesOf(at, command, { tokens: file })
  const path = tokenFileOf(files)
  const { tokens } = await readTokens(path)
  const missing = [...ids].filter((id) => !tokens.has(id))
  if (missing.length > 0)
    throw new CommandError(`There is no token ${missing.join(', ')} in ${path}. Nothing was revoked.`)
  const now = Date.now()
  const isMeant = (token: Token) =>
    ids.has(token.id) || (user !== undefined && token.user === user) || (expired === true && token.endsAt <= now)
  const revoked = (await revokeTokens(path, isMeant)).map(({ id }) => id)
  return {
    document: { file: path, revoked },
    text: () =>
      [revoked.length > 0 ? `Revoked ${revoked.join(', ')}.` : 'There was no such token.', ...notInForce(files)].join(
        '\n',
      ),
  }
}

/** A whole token is taken, too: that is what somebody has who finds one where it should not be. */
function idOf(text: string): string {
  const id = idIn(text) ?? text
  if (tokenId.test(id)) return id
  throw new UsageError('The id of a token is 8 small letters and digits: "sluice token list" shows it.')
}

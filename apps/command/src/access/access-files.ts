import { resolve } from 'node:path'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { ConfigError } from '@sluice/shared/config/config-error'
import { access } from '@sluice/shared/config/settings/access'
import { readSettings } from '../call/settings.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'

/** The files of SLUICE_ACCESS=file, as the settings name them. */
export type AccessFiles = {
  readonly passwords: string | undefined
  readonly rules: string | undefined
  readonly tokens: string | undefined
  /** Whether a gateway with these settings heeds the files. */
  readonly isInForce: boolean
}

type Named = { readonly passwords?: string | undefined; readonly tokens?: string | undefined }

/**
 * @param named files that the command was given, in place of those of the settings
 * @throws {CommandError} where neither users nor tokens are in files of Sluice's
 */
export async function accessFilesOf(at: Surroundings, command: CommandUnknownOpts, named: Named): Promise<AccessFiles> {
  const { passwordFile, accessFile, tokenFile, access: mode } = await readSettings(used, at, command)
  const elsewhere = (elsewhereBy as Partial<Record<string, string>>)[mode]
  if (elsewhere !== undefined) throw new CommandError(elsewhere)
  return {
    passwords: absolute(named.passwords ?? passwordFile),
    rules: absolute(accessFile),
    tokens: absolute(named.tokens ?? tokenFile),
    isInForce: mode === 'file',
  }
}

const { passwordFile, accessFile, tokenFile } = access
const used = { access: access.access, passwordFile, accessFile, tokenFile }

/** Whom to ask instead, where users and tokens are not in files. */
const elsewhereBy = {
  jwt: 'SLUICE_ACCESS is jwt: users and rights are in the tokens, which whoever has the signing key makes. examples/jwt/README.md makes a key pair and a token for CI. A token cannot be revoked before it ends, so let it end soon; a new key pair shuts out all tokens.',
  forward:
    'SLUICE_ACCESS is forward: your own service (SLUICE_ACCESS_SERVICE) knows users, tokens and rights. Add and remove them there.',
}

/** @throws {ConfigError} where no setting names the file */
export function passwordFileOf({ passwords }: AccessFiles): string {
  if (passwords !== undefined) return passwords
  throw new ConfigError(['SLUICE_PASSWORD_FILE is not set: name the password file with it, or with --file.'])
}

/** @throws {ConfigError} where no setting names the file */
export function tokenFileOf({ tokens }: AccessFiles): string {
  if (tokens !== undefined) return tokens
  throw new ConfigError(['SLUICE_TOKEN_FILE is not set: name the token file with it, or with --file.'])
}

/** A sentence for people who prepare files that no gateway heeds yet. */
export function notInForce({ isInForce }: AccessFiles): readonly string[] {
  return isInForce
    ? []
    : ['SLUICE_ACCESS is open, so nobody is asked for a log-in. A gateway heeds these files with SLUICE_ACCESS=file.']
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path)
}

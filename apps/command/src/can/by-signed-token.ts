import { readKeyFile } from '@sluice/access/jwt/key-file'
import { explainSignedToken } from '@sluice/access/jwt/token-explanation'
import { rightsOf, scopesFor } from '@sluice/access/jwt/token-scopes'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readSmall } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { FileError, UsageError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { CanConfig, Explained } from './answer.ts'
import type { CanOptions, Question } from './question.ts'
import { readTokenText } from './token-text.ts'

/** SLUICE_ACCESS=jwt. */
export async function explainBySignedToken(
  { repository }: Question,
  { tokenFile }: CanOptions,
  config: CanConfig,
  at: Surroundings,
): Promise<Explained> {
  if (tokenFile === undefined) {
    throw new UsageError(
      'SLUICE_ACCESS is jwt: a user may what the token of the user says. Give one: sluice can --token-file FILE write team/app ("-" is standard input).',
    )
  }
  const { jwtIssuer: issuer, jwtAudience: audience, jwtAlgorithms: algorithms, jwtClockSkew: clockSkew } = config
  if (issuer === undefined || audience === undefined) {
    throw new ConfigError(['SLUICE_ACCESS=jwt needs SLUICE_JWT_ISSUER and SLUICE_JWT_AUDIENCE.'])
  }
  const find = await keysOf(config)
  const text = await readTokenText(tokenFile, at)
  const checks = { issuer, audience, algorithms, clockSkew }
  const { user, scope, endsAt, signature, problems } = await explainSignedToken(text, find, checks, Date.now())
  const fitting = scopesFor(scope, repository).map(({ name }) => plainText(name))
  const because = [
    ...problems.map(plainText),
    ...(signature === 'right' ? ['Its signature is by one of the keys.'] : []),
    ...(find ? [] : [`Its signature was not checked: the keys are at ${config.jwtKeys}, and not in a file.`]),
    fitting.length > 0
      ? `Of its scopes, these are about the repository: ${fitting.join(', ')}.`
      : 'None of its scopes is about the repository.',
    ...(endsAt === undefined || problems.length > 0 ? [] : [`It ends at ${new Date(endsAt).toISOString()}.`]),
  ]
  const rights = problems.length > 0 ? ({ rights: 'none', mayCreate: false } as const) : rightsOf(scope, repository)
  const who = user === undefined ? 'the holder of this token' : `${plainText(user)}, by this token,`
  return {
    who,
    ...rights,
    because,
    details: { user: user ?? null, scopes: fitting, signature },
  }
}

/** Keys are fetched by the gateway only: a command that looks on fetches nothing. */
async function keysOf({ jwtKeys }: CanConfig) {
  if (jwtKeys === undefined) throw new ConfigError(['SLUICE_ACCESS=jwt needs SLUICE_JWT_KEYS.'])
  if (/^https?:\/\//.test(jwtKeys)) {
    return undefined
  }
  const text = await readSmall(jwtKeys)
  try {
    return readKeyFile(text, jwtKeys)
  } catch (cause) {
    throw new FileError(`${(cause as Error).message}.`, { cause })
  }
}

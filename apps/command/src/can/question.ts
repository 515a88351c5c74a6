import { plainName } from '@sluice/shared/git/repository-name'
import { repositoryArgument } from '../call/repository-argument.ts'
import { UsageError } from '../output/failure.ts'

export type CanOptions = { readonly token?: string | undefined; readonly tokenFile?: string | undefined }

export type Question = {
  /** Undefined where a token is asked about. */
  readonly user: string | undefined
  readonly right: 'read' | 'write' | 'create'
  /** The plain name. */
  readonly repository: string
}

const rightsByWord: Readonly<Record<string, Question['right']>> = {
  read: 'read',
  clone: 'read',
  fetch: 'read',
  write: 'write',
  push: 'write',
  create: 'create',
}

/** @throws {UsageError} */
export function questionIn(words: readonly string[], { token, tokenFile }: CanOptions): Question {
  if (token !== undefined && tokenFile !== undefined) throw new UsageError('Give one of --token and --token-file.')
  const isToken = token !== undefined || tokenFile !== undefined
  if (words.length !== (isToken ? 2 : 3)) {
    throw new UsageError(
      isToken
        ? 'With a token, say a right and a repository: sluice can --token ID write team/app.'
        : 'Say a user, a right and a repository: sluice can ann write team/app.',
    )
  }
  const [rightWord, repository] = words.slice(-2) as [string, string]
  const right = Object.hasOwn(rightsByWord, rightWord) ? rightsByWord[rightWord] : undefined
  if (right === undefined) throw new UsageError(`The right is read, write or create, not ${JSON.stringify(rightWord)}.`)
  return { user: isToken ? undefined : words[0], right, repository: plainName(repositoryArgument(repository)) }
}

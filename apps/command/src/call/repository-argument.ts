import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { UsageError } from '../output/failure.ts'

const longestShown = 80

/**
 * A name of a repository on the line, as it was given.
 *
 * @throws {UsageError} where no repository can have it
 */
export function repositoryArgument(text: string): string {
  try {
    checkRepositoryName(text)
    return text
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const shown = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
    // What is said of addresses would lead astray here.
    const why = error.reason === 'bad_address' ? 'There are control characters in it.' : error.sentence
    throw new UsageError(`${JSON.stringify(shown)} is no name of a repository, such as team/app: ${why}`)
  }
}

import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RunJob } from '../../process/job/job.ts'
import { foundRepository } from '../operation/found-repository.ts'
import { readOnlyKey } from '../look/repository-facts.ts'
import type { OperationOf } from '../operation/operation.ts'
import type { Turns } from '../operation/turns.ts'

export type ReadOnlyServices = { readonly root: string; readonly turns: Turns; readonly runJob: RunJob }

const maxSentenceLength = 300

/**
 * Lets a repository take no pushes, or take them again. Its own configuration says so, so that a backup does, too.
 *
 * @throws {Refusal} `repository_missing`, `bad_operation`
 */
export async function setReadOnly(
  { root, turns, runJob }: ReadOnlyServices,
  { repository, readOnly }: OperationOf<'readonly'>,
): Promise<{ readonly repository: string; readonly readOnly: string | null }> {
  if (readOnly !== null) checkSentence(readOnly)
  const { gitDir, keys } = foundRepository(root, repository)
  using _turn = turns.take(keys, 'readonly')
  const config = ['--git-dir', gitDir, 'config']
  // Exit code 5: it was not set.
  if (readOnly === null) await runJob([...config, '--unset-all', readOnlyKey], { okCodes: [0, 5] })
  else await runJob([...config, '--replace-all', '--end-of-options', readOnlyKey, readOnly || 'true'])
  return { repository, readOnly }
}

/** Words that git takes for a truth value would not be told to anybody. */
function checkSentence(sentence: string): void {
  const isPlain = sentence.length <= maxSentenceLength && !/\p{Cc}/u.test(sentence)
  if (isPlain && !/^(?:true|yes|on|false|no|off|\d+)$/i.test(sentence)) return
  throw new Refusal('bad_operation', {
    sentence: `The message must be one line of at most ${maxSentenceLength} characters, and more than yes or no.`,
  })
}

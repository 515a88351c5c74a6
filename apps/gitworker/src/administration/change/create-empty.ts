import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { NewRepositories } from '../../creation/new-repositories.ts'
import { isRefName } from '../../git/ref-name.ts'
import type { RunJob } from '../../process/job/job.ts'
import { headIsNoGuess } from '../../repository/default-branch.ts'
import { findRepository } from '../../repository/repository.ts'
import { keysOf } from '../operation/found-repository.ts'
import { newPlace } from '../operation/new-place.ts'
import type { OperationOf } from '../operation/operation.ts'
import type { Turns } from '../operation/turns.ts'

export type CreateServices = {
  readonly root: string
  readonly turns: Turns
  readonly maker: NewRepositories['maker']
  readonly runJob: RunJob
}

const maxDescriptionLength = 500

/** Creates an empty repository, as a first push would. @throws {Refusal} `repository_exists`, `cannot_create` … */
export async function createEmpty(
  { root, turns, maker, runJob }: CreateServices,
  { repository, objectFormat, head, description }: OperationOf<'create'>,
): Promise<{ readonly created: string }> {
  if (head !== undefined) checkBranchName(head)
  if (description !== undefined) checkDescription(description)
  const target = newPlace(root, repository)
  using _turn = turns.take(keysOf(repository), 'create')
  const furnish = async (hidden: string) => {
    if (head !== undefined) {
      await runJob(['--git-dir', hidden, 'symbolic-ref', 'HEAD', `refs/heads/${head}`])
      await headIsNoGuess(hidden)
    }
    if (description !== undefined) await writeFile(join(hidden, 'description'), `${description}\n`)
  }
  await makeAndKeep(maker, root, repository, target, { furnish, ...(objectFormat && { format: objectFormat }) })
  return { created: repository }
}

/** @throws {Refusal} `repository_exists` where a push was faster */
export async function makeAndKeep(
  maker: NewRepositories['maker'],
  root: string,
  name: string,
  target: string,
  making: Parameters<NewRepositories['maker']['make']>[1],
): Promise<void> {
  try {
    maker.keep(await maker.make(target, making))
  } catch (error) {
    if (findRepository(root, name)) throw new Refusal('repository_exists', { cause: error })
    throw error
  }
}

/** @throws {Refusal} `bad_operation` */
export function checkBranchName(branch: string): void {
  const isName = isRefName(`refs/heads/${branch}`) && !branch.startsWith('-') && branch !== 'HEAD'
  if (isName && Buffer.byteLength(branch) <= 240) return
  throw new Refusal('bad_operation', { sentence: `${JSON.stringify(branch)} is no name for a branch.` })
}

function checkDescription(description: string): void {
  if (description.length <= maxDescriptionLength && !/\p{Cc}/u.test(description)) return
  const sentence = `The description must be one line of at most ${maxDescriptionLength} characters.`
  throw new Refusal('bad_operation', { sentence })
}

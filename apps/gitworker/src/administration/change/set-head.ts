import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RunJob } from '../../process/job/job.ts'
import { headIsNoGuess, syncHead } from '../../repository/default-branch.ts'
import { checkBranchName } from './create-empty.ts'
import { foundRepository } from '../operation/found-repository.ts'
import type { OperationOf } from '../operation/operation.ts'
import type { Turns } from '../operation/turns.ts'

export type HeadServices = { readonly root: string; readonly turns: Turns; readonly runJob: RunJob }

/** So many branches are named to somebody who has asked for one that is not there. */
const maxNamed = 10

/**
 * Makes a branch the one that clones check out. Where there are no branches yet, any name will do.
 *
 * @throws {Refusal} `repository_missing`, `branch_missing`, `bad_operation`
 */
export async function setHead(
  { root, turns, runJob }: HeadServices,
  { repository, branch }: OperationOf<'head'>,
): Promise<{ readonly repository: string; readonly head: string }> {
  checkBranchName(branch)
  const { gitDir, keys } = foundRepository(root, repository)
  using _turn = turns.take(keys, 'head')
  const inRepository = ['--git-dir', gitDir]
  await checkBranch(inRepository, branch, runJob)
  await runJob([...inRepository, 'symbolic-ref', 'HEAD', `refs/heads/${branch}`])
  await syncHead(gitDir)
  await headIsNoGuess(gitDir)
  return { repository, head: branch }
}

async function checkBranch(inRepository: readonly string[], branch: string, runJob: RunJob): Promise<void> {
  const list = async (pattern: string, most: number) => {
    const args = ['for-each-ref', `--count=${most}`, '--format=%(refname:lstrip=2)', '--', pattern]
    return (await runJob([...inRepository, ...args])).split('\n').filter(Boolean)
  }
  if ((await list(`refs/heads/${branch}`, 1))[0] === branch) return
  const branches = await list('refs/heads/', maxNamed + 1)
  if (branches.length === 0) return
  const more = branches.length > maxNamed ? ' …' : ''
  const named = `It has: ${branches.slice(0, maxNamed).join(', ')}${more}`
  throw new Refusal('branch_missing', { sentence: `There is no branch ${JSON.stringify(branch)}. ${named}.` })
}

import type { ReferenceCache } from '../../cache/references/reference-cache.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import type { Progress } from '../operation/operation.ts'

export type ClosingServices = {
  readonly users: RepositoryUsers
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'forget'> | undefined
  /** How long requests that are at work in a repository are waited for. Milliseconds. */
  readonly busyWait: number
}

/**
 * Waits until no request is at work in any of these repositories, and refuses new ones until disposed of. What was cached
 * of them is forgotten.
 *
 * @throws {Refusal} `repository_in_use`, or the signal's reason
 */
export async function closeRepositories(
  { users, answers, busyWait }: ClosingServices,
  gitDirs: readonly string[],
  { signal, tell }: Progress,
): Promise<Disposable> {
  using closing = new DisposableStack()
  const running = gitDirs.reduce((sum, gitDir) => sum + users.count(gitDir), 0)
  if (running > 0) tell(`waiting for ${running} ${running === 1 ? 'request' : 'requests'} to end`)
  // Each in its turn would leave the first closed for the sum of the waits.
  const closed = await Promise.allSettled(gitDirs.map((gitDir) => users.close(gitDir, busyWait, signal)))
  for (const one of closed) if (one.status === 'fulfilled') closing.use(one.value)
  const failed = closed.find((one) => one.status === 'rejected')
  if (failed) throw failed.reason
  for (const gitDir of gitDirs) answers?.forget(gitDir)
  return closing.move()
}

/**
 * Waits until no request that may change a repository is at work in it, and refuses new ones until disposed of. It is read
 * all the while.
 *
 * @throws {Refusal} `repository_in_use`, or the signal's reason
 */
export async function closeToChanges(
  { users, busyWait }: ClosingServices,
  gitDir: string,
  { signal, tell }: Progress,
): Promise<Disposable> {
  if (users.count(gitDir) > 0) tell('waiting for pushes to end')
  return await users.closeToChanges(gitDir, busyWait, signal)
}

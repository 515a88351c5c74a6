import type { GitRequest } from '@sluice/shared/git/git-route'
import type { GitOptions, PushPlace } from '../git/command.ts'
import { forRequest } from '../process/job.ts'
import type { JobOwner, RunJob } from '../process/job.ts'
import { pushConfig } from '../git/push-config.ts'
import type { PushSettings } from '../repository/push-settings.ts'
import { planHooks } from './hook-plan.ts'
import type { HooksFolder } from './hook-plan.ts'
import { furnish } from './push-folder.ts'
import type { PushFolder } from './push-folder.ts'

export type PushPlaceServices = {
  readonly git: GitOptions
  readonly runtimeDirectory: {
    readonly hookScript: string
    openPush(): Promise<PushFolder>
  }
  readonly runJob: RunJob
  readonly pushSettings: PushSettings
  /** The operator's hooks for all repositories, if there are any. */
  readonly operatorsHooks: HooksFolder | undefined
  /** The largest pack that may be pushed to a repository, in bytes, by its name as addressed; undefined is no limit. */
  readonly maxPush: (repository: string) => number | undefined
}

/**
 * Prepares what a push has of its own: a HOME, its configuration, and its hooks. To be disposed of when nothing of it lives.
 *
 * @param denyForce whether branches may only be fast-forwarded
 * @throws {Refusal} `repository_unreadable`, `no_resources`, `hooks_unusable`, or the signal's reason
 */
export async function openPushPlace(
  { git, runtimeDirectory, runJob, pushSettings, operatorsHooks, maxPush }: PushPlaceServices,
  { repository }: GitRequest,
  gitDir: string,
  denyForce: boolean,
  owner: JobOwner,
): Promise<PushPlace & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const runHere = forRequest(owner, runJob)
  const own = await pushSettings.of(gitDir, runHere)
  const plan = await planHooks(gitDir, own, operatorsHooks, runHere)
  const folder = opened.use(await runtimeDirectory.openPush())
  const hooksPath = plan && folder.hooks
  const { file, overrides } = pushConfig(git, { maxInputBytes: maxPush(repository), denyForce, hooksPath }, own)
  await furnish(folder, file, plan, git.configFiles.plain, runtimeDirectory.hookScript)
  const { home, config } = folder
  const whole = opened.move()
  return { home, config, overrides, [Symbol.asyncDispose]: () => whole.disposeAsync() }
}

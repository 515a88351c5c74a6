import type { GitRequest } from '@sluice/shared/git/git-route'
import type { PushPlace } from '../git/command.ts'
import { abortedBy } from '../process/job.ts'
import { pushConfig } from '../git/push-config.ts'
import { planHooks } from './hook-plan.ts'
import type { Host } from '../request/host.ts'
import { furnish } from './push-folder.ts'

/**
 * Makes what a push has of its own: a HOME, its configuration, and its hooks. To be disposed of when nothing of it lives.
 *
 * @param denyForce whether no branch may move otherwise than forward
 * @throws {Refusal} `repository_unreadable`, `no_resources`, `hooks_unusable`, or the signal's reason
 */
export async function openPushPlace(
  { git, runFolder, runJob, pushSettings, operatorsHooks, maxPush }: Host,
  { repository }: GitRequest,
  gitDir: string,
  denyForce: boolean,
  signal: AbortSignal,
): Promise<PushPlace & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const runHere = abortedBy(signal, runJob)
  const own = await pushSettings.of(gitDir, runHere)
  const plan = await planHooks(gitDir, own, operatorsHooks, runHere)
  const folder = opened.use(await runFolder.openPush())
  const hooksPath = plan && folder.hooks
  const { file, overrides } = pushConfig(git, { maxInputBytes: maxPush(repository), denyForce, hooksPath }, own)
  await furnish(folder, file, plan, git.configFiles.plain, runFolder.hookScript)
  const { home, config } = folder
  const whole = opened.move()
  return { home, config, overrides, [Symbol.asyncDispose]: () => whole.disposeAsync() }
}

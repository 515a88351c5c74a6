import type { PushRoom } from '../capacity/push-room.ts'
import type { GitOptions, PushPlace } from '../git/command.ts'
import { forRequest } from '../process/job/job.ts'
import type { JobOwner, RunJob } from '../process/job/job.ts'
import { pushConfig } from '../git/push-config.ts'
import type { PushSettings } from '../repository/push-settings.ts'
import { isWrittenInOrder } from '../repository/written-in-order.ts'
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
}

/** What a push may do, as the rules and limits have it. */
export type PushAllowance = {
  /** Whether branches may only be fast-forwarded. */
  readonly denyForce: boolean
  /** How much it may bring; undefined is no limit. */
  readonly room: PushRoom | undefined
}

/** A push's place, whether hooks run, and whether one of them may answer in git's place. */
export type OpenPushPlace = PushPlace &
  AsyncDisposable & { readonly hasProcReceive: boolean; readonly hasHooks: boolean }

/**
 * Prepares what a push has of its own: a HOME, its configuration, and its hooks. To be disposed of when nothing of it lives.
 *
 * @throws {Refusal} `repository_unreadable`, `no_resources`, `hooks_unusable`, or the signal's reason
 */
export async function openPushPlace(
  { git, runtimeDirectory, runJob, pushSettings, operatorsHooks }: PushPlaceServices,
  gitDir: string,
  { denyForce, room }: PushAllowance,
  owner: JobOwner,
): Promise<OpenPushPlace> {
  await using opened = new AsyncDisposableStack()
  const runHere = forRequest(owner, runJob)
  const own = await pushSettings.of(gitDir, runHere)
  const plan = await planHooks(gitDir, own, operatorsHooks, runHere)
  const folder = opened.use(await runtimeDirectory.openPush())
  const hooksPath = plan && folder.hooks
  const fsyncMethod = git.fsync ? ((await isWrittenInOrder(gitDir)) ? 'writeout-only' : 'fsync') : undefined
  const { file, overrides } = pushConfig(
    { ...git, fsyncMethod },
    { maxInputBytes: room?.bytes, denyForce, hooksPath },
    own,
  )
  await furnish(folder, file, plan, git.configFiles.plain, runtimeDirectory.hookScript)
  const { home, config } = folder
  const hasProcReceive = plan?.own.names.includes('proc-receive') ?? false
  const whole = opened.move()
  return {
    home,
    config,
    overrides,
    hasProcReceive,
    hasHooks: plan !== undefined,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  }
}

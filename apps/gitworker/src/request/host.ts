import type { Connections } from '@sluice/shared/connections/connections'
import type { AnswerCache } from '../cache/references/answers.ts'
import type { PackCache } from '../cache/packs/pack-cache.ts'
import type { Service } from '@sluice/shared/git/git-route'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RefRules } from '@sluice/shared/git/ref-rules'
import type { GitReport } from '../process/worker-message.ts'
import type { GitOptions } from '../git/command.ts'
import type { RunJob } from '../process/job.ts'
import type { Admission } from '../capacity/admission.ts'
import type { LeakCheck } from '../process/leak-check.ts'
import type { ObjectFormat } from '../creation/create-repository.ts'
import type { NewHeads } from '../repository/default-branch.ts'
import type { NewRepositories } from '../creation/new-repositories.ts'
import type { DiskSpace } from '../capacity/disk-space.ts'
import type { HooksFolder } from '../hooks/hook-plan.ts'
import type { FilterOffer } from '../repository/filter-offer.ts'
import type { Pool } from '../process/pool.ts'
import type { PushSettings } from '../repository/push-settings.ts'
import type { ReadAheadBudget } from '../body/read-ahead.ts'
import type { RuntimeDirectory } from '../start/runtime-directory.ts'
import type { ServiceSwitch } from '../repository/service-switch.ts'
import type { Sweeper } from '../sweep/sweep.ts'
import type { WayClearer } from '../sweep/clear-the-way.ts'

/** What requests are served with. */
export type Host = {
  /** The real path of the folder below which all repositories lie. */
  readonly root: string
  readonly createOnPush: boolean
  readonly defaultObjectFormat: ObjectFormat
  readonly newRepositories: NewRepositories
  readonly newHeads: NewHeads
  readonly maxFetchRequest: number
  readonly connections: Connections
  readonly idleTimeout: number
  /** Milliseconds for which git may work without a word. */
  readonly silentGitTimeout: number
  /** Milliseconds for which the hooks of a push that has happened may go on after its client has gone. */
  readonly hookTimeout: number
  /** Aborted when what still runs is to be ended, since the host stops. */
  readonly ending: AbortSignal
  readonly log: Logger
  /** Milliseconds; undefined is no limit. */
  readonly requestTimeout: number | undefined
  readonly graces: { readonly push: number; readonly kill: number }
  readonly git: GitOptions
  readonly runFolder: RuntimeDirectory
  readonly leakCheck: LeakCheck
  readonly admission: Admission
  readonly readAhead: ReadAheadBudget
  /** The largest pack that may be pushed to a repository, by its name as it was addressed; undefined is no limit. */
  readonly maxPush: (repository: string) => number | undefined
  readonly disks: DiskSpace
  /** The rules for a repository by all of its names; undefined where there are none for any. */
  readonly protectedRefs: ((names: readonly string[]) => RefRules | undefined) | undefined
  readonly pool: Pool
  /** Undefined: switched off. */
  readonly answers: AnswerCache | undefined
  readonly packs: PackCache
  /** Whether several may read one pack. */
  readonly sharesPacks: boolean
  /** What git's answers depend on beside the repository: its version, and how it is started. */
  readonly build: string
  /** Is told how each git ended that served a request. */
  readonly onGitEnded: (service: Service, report: GitReport) => void
  readonly sweeper: Sweeper
  readonly wayClearer: WayClearer
  readonly serviceSwitch: ServiceSwitch
  readonly pushSettings: PushSettings
  /** The operator's for all repositories, if there are any. */
  readonly operatorsHooks: HooksFolder | undefined
  readonly filterOffer: FilterOffer
  readonly runJob: RunJob
}

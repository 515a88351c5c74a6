import { join } from 'node:path'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GroupSettings } from '../../src/process/control-group/open-groups.ts'
import { bunPrograms } from '../../src/process/runtime/bun-programs.ts'
import type { GitLimits } from '../../src/process/launcher/git-limits.ts'
import { openWorkerSource } from '../../src/process/runtime/worker-source.ts'
import type { WorkerHandle } from '../../src/process/worker-handle.ts'

export type TestWorkers = AsyncDisposable & {
  /** The launcher's folder, among others. */
  readonly folder: string
  start(): WorkerHandle
}

export const noLimits: GitLimits = {
  gitMemory: undefined,
  gitCpuTime: undefined,
  gitFileSize: undefined,
  gitOpenFiles: undefined,
  gitOomScore: 0,
}

type TestOptions = {
  startTimeout?: number
  log?: Logger
  programs?: string[]
  limits?: GitLimits
  subfolder?: string
  groups?: GroupSettings
}

/** Workers as the supervisor starts them, in a folder of their own. */
export async function openTestWorkers(
  wanted: 'auto' | 'launcher' | 'node' = 'auto',
  { startTimeout = 60_000, log = silentLog, programs = bunPrograms(), limits = noLimits, ...more }: TestOptions = {},
): Promise<TestWorkers> {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const folder = join(path, more.subfolder ?? '')
  const graces = { termGrace: 500, killGrace: 500 }
  const workers = opened.use(
    await openWorkerSource(
      { wanted, folder, empty: folder, startTimeout, limits, groups: more.groups, ...graces },
      log,
      programs,
    ),
  )
  const parts = opened.move()
  return { folder, start: () => workers.startWorker(), [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

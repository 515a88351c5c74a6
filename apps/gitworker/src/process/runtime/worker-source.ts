import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '@sluice/shared/config/config-error'
import { settings as names } from '@sluice/shared/config/settings'
import type { Logger } from '@sluice/shared/telemetry/log'
import { limitNames, openRequestGroups } from '../control-group/open-groups.ts'
import type { GroupSettings } from '../control-group/open-groups.ts'
import { limitsFor } from '../launcher/git-limits.ts'
import type { GitLimits } from '../launcher/git-limits.ts'
import { LaunchedProcess } from '../launcher/launched-process.ts'
import { Launcher } from '../launcher/launcher.ts'
import { SpawnedProcess } from '../spawn/spawned-process.ts'
import type { WorkerHandle } from '../worker-handle.ts'
import { Worker } from '../worker/worker.ts'
import { bunPrograms } from './bun-programs.ts'

export type WorkerSourceSettings = {
  /** `auto` is the launcher where Bun is installed and its C compiler works, else Node. */
  readonly wanted: 'auto' | 'launcher' | 'node'
  /** Where the launcher's socket, and what makes Node start faster, may be kept. */
  readonly folder: string
  /** The working folder of workers on Node: one where nothing finds anything to read. */
  readonly empty: string
  /** Milliseconds. */
  readonly startTimeout: number
  /** The longest grace before SIGTERM, and the one before SIGKILL. Milliseconds. */
  readonly termGrace: number
  readonly killGrace: number
  readonly limits: GitLimits
  /** Undefined for no control groups at all, as in tests. */
  readonly groups?: GroupSettings | undefined
}

/** How workers are started on this machine. */
export type WorkerSource = AsyncDisposable & {
  readonly runtime: 'launcher' | 'node'
  /** How many processes that killed workers had left were found by the launcher alone, and ended. */
  readonly orphansEnded: number
  /** @throws {WorkerStartError} */
  startWorker(): WorkerHandle
}

/**
 * @param programs where Bun may be
 * @throws {ConfigError} where the launcher is asked for and does not work
 */
export async function openWorkerSource(
  settings: WorkerSourceSettings,
  log: Logger,
  programs = bunPrograms(),
): Promise<WorkerSource> {
  if (settings.wanted === 'node') return onNode(settings, 'SLUICE_WORKER_RUNTIME is node', log)
  const problems: string[] = []
  for (const program of programs) {
    try {
      return await withLauncher(program, settings, log)
    } catch (error) {
      problems.push(`${program}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const why =
    problems[0] ?? 'Bun, which compiles the launcher, is not installed: "npm ci" brings it, or put bun into PATH.'
  if (settings.wanted === 'launcher') throw new ConfigError([`SLUICE_WORKER_RUNTIME is launcher. ${why}`])
  return onNode(settings, why, log)
}

/** Where a supervisor notes its control groups. */
export function groupsNote(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'control-groups')
}

/** Allowed to a launcher's workers beyond their graces, when the supervisor is gone. */
const spareMs = 2000

async function withLauncher(program: string, settings: WorkerSourceSettings, log: Logger): Promise<WorkerSource> {
  const { startTimeout, termGrace, killGrace } = settings
  const limits = limitsFor(settings.limits, log)
  const lastGrace = termGrace + killGrace + spareMs
  const folder = join(settings.folder, 'workers')
  await using opened = new AsyncDisposableStack()
  // Before the launcher, which is born in the supervisor's group.
  const groups = settings.groups && openRequestGroups(settings.groups, groupsNote(settings.folder), log)
  if (groups) opened.use(groups)
  const options = { program, folder, startTimeout, killGrace, lastGrace, groups }
  const launcher = opened.use(await Launcher.open(options, log))
  const ends = opened.move()
  return {
    runtime: 'launcher',
    get orphansEnded() {
      return launcher.orphansEnded
    },
    startWorker: () => new Worker((events) => new LaunchedProcess(launcher, limits, events), startTimeout),
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
}

/** Without the cache, taking the types out of its sources would cost each worker 50 ms. */
function onNode(settings: WorkerSourceSettings, why: string, log: Logger): WorkerSource {
  const { folder, empty: cwd, startTimeout, limits } = settings
  log.warn(
    { why },
    'workers run on Node: each costs 50 ms of CPU and more, and what git leaves is looked for in /proc and reaped by PID 1',
  )
  const ignored = [...namesOf(limits), ...(settings.groups ? limitNames(settings.groups) : [])]
  if (ignored.length > 0) log.warn(`${ignored.join(', ')}: workers on Node set no limits, so git runs without these`)
  const options = {
    program: process.execPath,
    args: [fileURLToPath(new URL('../../worker/main.node.ts', import.meta.url))],
    env: { NODE_COMPILE_CACHE: join(folder, 'compile-cache') },
    cwd,
  }
  return {
    runtime: 'node',
    orphansEnded: 0,
    startWorker: () => new Worker((events) => new SpawnedProcess(options, events), startTimeout),
    async [Symbol.asyncDispose]() {},
  }
}

/** The settings of limits that are set. That git is ended first when memory is short is a default, and not worth a word. */
function namesOf(limits: GitLimits): string[] {
  const keys = ['gitMemory', 'gitCpuTime', 'gitFileSize', 'gitOpenFiles'] as const
  return keys.filter((key) => limits[key] !== undefined).map((key) => names[key].name)
}

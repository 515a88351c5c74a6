import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startApp, stopApp } from './app.ts'
import type { App } from './app.ts'
import { compileCache } from './compile-cache.ts'
import { temporaryFolder } from './folder.ts'
import { ask } from './http.ts'
import { processesWith } from './processes.ts'

/** The part of the supervisor's status that tests read. */
export type HostStatus = {
  readonly ready: boolean
  readonly reason?: string
  readonly workers: Readonly<Record<'starting' | 'idle' | 'serving' | 'draining' | 'stopping', number>>
  readonly lanes: readonly { lane: string; slots: number; running: number; waiting: number }[]
  readonly requests: readonly { requestId: string; phase: string; worker?: number; user?: string; ageMs: number }[]
  readonly requestsInAll: number
  readonly leaked: { readonly processes: number; readonly zombies: number }
}

/** Whether no worker has a request. */
export function isQuiet({ workers }: HostStatus): boolean {
  return workers.serving + workers.draining + workers.stopping === 0
}

export type Stack = AsyncDisposable & {
  /** The folder of this stack. `repos` in it is the root. Tests may put clones beside it. */
  readonly folder: string
  readonly root: string
  /** The gateway's: http://127.0.0.1:port */
  readonly url: string
  readonly gateway: App
  readonly supervisor: App
  /**
   * The pids of all live processes that git requests of this stack have started: git, its children, and what they left.
   */
  gitProcesses(): Promise<number[]>
  /** The supervisor's `/-/status.json`. */
  status(): Promise<HostStatus>
  /** Starts one more gateway, or one in place of one that has ended. */
  addGateway(env?: Record<string, string>): Promise<App>
  /** Starts the supervisor again on its old address, after it has ended. */
  restartSupervisor(): Promise<void>
}

/**
 * Starts supervisor and gateway as processes, in a folder and on a port of their own. Disposing ends both and checks
 * that they exit well.
 *
 * @param own environment of one of the two only
 */
export async function startStack(
  env: Record<string, string> = {},
  own: { gateway?: Record<string, string>; supervisor?: Record<string, string> } = {},
): Promise<Stack> {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder()).path
  const root = join(folder, 'repos')
  await mkdir(root)
  const settings = {
    ...settingsIn(folder),
    SLUICE_ROOT: root,
    SLUICE_SUPERVISOR: `unix:${join(folder, 'supervisor.sock')}`,
    SLUICE_RUN_FOLDER: join(folder, 'run'),
    ...env,
  }
  const startSupervisor = async () => startApp('supervisor', { ...settings, ...own.supervisor })
  let supervising = startSupervisor()
  started.defer(async () => supervising.then(stopApp, () => {}))
  const gatewaying = startApp('gateway', { ...settings, ...own.gateway })
  started.defer(async () => gatewaying.then(stopApp, () => {}))
  const [gateway, first] = await Promise.all([gatewaying, supervising])
  let supervisor = first
  const parts = started.move()
  return {
    folder,
    root,
    url: `${'SLUICE_TLS_CERTIFICATE' in settings ? 'https' : 'http'}://${gateway.address}`,
    gateway,
    get supervisor() {
      return supervisor
    },
    gitProcesses: () => processesWith(`:${folder}\0`, [gateway.pid, supervisor.pid]),
    status: async () => JSON.parse((await ask(supervisor.operations, '/-/status.json')).body) as HostStatus,
    async addGateway(more = {}) {
      const added = await startApp('gateway', { ...settings, ...own.gateway, ...more })
      parts.defer(async () => stopApp(added))
      return added
    },
    async restartSupervisor() {
      supervising = startSupervisor()
      supervisor = await supervising
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/**
 * What applications under test have in common.
 *
 * @param folder all processes that belong to them have it in their environment
 */
export function settingsIn(folder: string): Record<string, string> {
  return {
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    SLUICE_SUPERVISOR_OPERATIONS: '127.0.0.1:0',
    SLUICE_CREATE_ON_PUSH: 'on',
    // Tests must push on machines whose disks are nearly full, too.
    SLUICE_MIN_FREE_DISK: '0B',
    SLUICE_WORKER_START_TIMEOUT: '60s',
    // Fewer than by default, so that a test starts soon.
    SLUICE_WARM_WORKERS: '4',
    // It would repack what a test looks at.
    SLUICE_MAINTENANCE: 'off',
    // git and its hooks inherit PATH. A process with this folder in its environment belongs to this stack.
    PATH: `${process.env['PATH']}:${folder}`,
    ...compileCache,
  }
}

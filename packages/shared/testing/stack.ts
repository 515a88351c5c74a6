import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { compileCache } from './compile-cache.ts'
import { temporaryFolder } from './folder.ts'
import { ask } from './http.ts'
import { patienceMs, patiently } from './patience.ts'
import { until } from './until.ts'

/** A line of a log, parsed. */
export type LogLine = { readonly [field: string]: unknown }

export type App = {
  readonly pid: number
  /** host:port, or unix:/path. */
  readonly address: string
  /** Where it serves its operators: host:port. */
  readonly operations: string
  readonly lines: LogLine[]
  /** The next line that matches, or an earlier one; fails after a minute. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>
  signal(signal: NodeJS.Signals): void
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>
}

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

const project = fileURLToPath(new URL('../../..', import.meta.url))
const mains = {
  gateway: join(project, 'apps/gateway/src/main.ts'),
  supervisor: join(project, 'apps/gitworker/src/main.ts'),
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
    SLUICE_ROOT: root,
    SLUICE_SUPERVISOR: `unix:${join(folder, 'supervisor.sock')}`,
    SLUICE_RUN_FOLDER: join(folder, 'run'),
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

async function startApp(name: keyof typeof mains, env: Record<string, string>): Promise<App> {
  const child = spawn(process.execPath, [...nodeFlags, mains[name]], {
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const lines: LogLine[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(JSON.parse(line) as LogLine))
  const exited = once(child, 'exit').then(([code, signal]: (number | string)[]) => code ?? signal ?? 'unknown')
  const early = exited.then((how) => Promise.reject(new Error(`The ${name} ended with ${how} before it listened.`)))
  early.catch(() => {})
  const listening = Promise.race([once(child, 'message'), early])
  const [message] = (await patiently(`the ${name} to listen`, listening).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })) as [{ address: string; operations: string }]
  return {
    pid: child.pid!,
    address: message.address,
    operations: message.operations,
    lines,
    line: (fits) => until(`a line in the log of the ${name}`, () => lines.find(fits)),
    signal: (signal) => void child.kill(signal),
    exited,
  }
}

/**
 * Fails the test that started an application that does not stop, or stops with an error. Running requests are not
 * waited for: a failed test may have left one that takes for ever.
 */
async function stopApp(app: App): Promise<void> {
  const workers = await childrenOf(app.pid)
  app.signal('SIGTERM')
  // A second signal ends the requests that the drain would wait for. It counts only some time after the first.
  const hurry = setTimeout(() => app.signal('SIGTERM'), hurryAfterMs)
  const how = await patiently(`an application to stop`, app.exited).catch(async (error: unknown) => {
    app.signal('SIGKILL')
    await app.exited
    throw error
  })
  clearTimeout(hurry)
  const survivors = await until('the workers to end', async () => {
    const alive = await Promise.all(workers.map(isAlive))
    return !alive.includes(true) && 'none'
  })
  if (how !== 0 && how !== 'SIGKILL') throw new Error(`An application ended with ${how}; its workers: ${survivors}.`)
}

/** Long after an application that ends by itself has ended, and long before `patienceMs` is over. */
const hurryAfterMs = patienceMs / 3

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await statOf(pid)
  return stat !== undefined && stat.state !== 'Z'
}

/** From proc_pid_stat(5); undefined if there is no such process. */
async function statOf(pid: number): Promise<{ state: string; parent: number } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  const [state = '', parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return stat === undefined ? undefined : { state, parent: Number(parent) }
}

/**
 * @param apps are left out, and with them what they have forked: until execve(2), a worker has its supervisor's
 *   environment
 */
async function processesWith(text: string, apps: number[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      if (!environment.includes(text) || apps.includes(pid)) return undefined
      const stat = await statOf(pid)
      return stat && stat.state !== 'Z' && !apps.includes(stat.parent) ? pid : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

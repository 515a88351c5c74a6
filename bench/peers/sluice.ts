import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { version } from '@sluice/shared/version'
import { HttpClient } from '../load/http-client.ts'
import { ask } from '@sluice/shared/testing/http'
import type { Contestant, CpuByProcess, Place } from './contestant.ts'
import { startDaemon } from './daemon.ts'
import type { Daemon } from './daemon.ts'
import { cpuTimeOf, treeOf } from './processes.ts'

/** Gateway and supervisor with their defaults, as `npm run start:…` starts them, with logs in files. */
export async function startSluice({ root, folder }: Place): Promise<Contestant> {
  await using started = new AsyncDisposableStack()
  const settings = {
    SLUICE_ROOT: root,
    SLUICE_SUPERVISOR: `unix:${join(folder, 'supervisor.sock')}`,
    SLUICE_RUN_FOLDER: started.use(await runFolder(folder)).path,
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_MAINTENANCE: 'on',
    SLUICE_SUPERVISOR_OPERATIONS: '127.0.0.1:0',
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    PATH: process.env['PATH'] ?? '',
  }
  const supervisor = await startApp('gitworker', settings, folder)
  started.use(supervisor.daemon)
  const gateway = await startApp('gateway', settings, folder)
  started.use(gateway.daemon)
  const port = Number(/:(\d+)$/.exec(gateway.address)![1])
  const roots = [gateway.daemon.pid, supervisor.daemon.pid]
  const parts = started.move()
  return {
    name: 'sluice',
    title: 'Sluice',
    version,
    server: {
      port,
      ownProcesses: async () => roots,
      allProcesses: async () => treeOf(roots).map(({ pid }) => pid),
    },
    cpu: () => cpuOf(gateway.daemon.pid, supervisor),
    open: async () => new HttpClient(port),
    address: (repository) => `http://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

type App = { readonly daemon: Daemon; readonly address: string; readonly operations: string }

/**
 * The launcher waits for workers, and workers for git. What git has used is in the supervisor's metrics, for requests; the
 * git of the supervisor's own jobs counts as workers here.
 */
async function cpuOf(gateway: number, { daemon: { pid }, operations }: App): Promise<CpuByProcess> {
  const { body } = await ask(operations, '/metrics')
  const seconds = [...body.matchAll(/^sluice_git_cpu_seconds_total\{.*\} (\S+)$/gm)].map(([, value]) => Number(value))
  const git = 1000 * seconds.reduce((sum, value) => sum + value, 0)
  const isWorkers = ({ parent, name }: { parent: number; name: string }) => parent === pid && name === 'sluice-launcher'
  const launcher = cpuTimeOf(treeOf([pid]).flatMap((entry) => (isWorkers(entry) ? entry.pid : [])))
  return {
    gateway: cpuTimeOf([gateway]).own,
    supervisor: cpuTimeOf([pid]).own,
    launcher: launcher.own,
    workers: launcher.children - git,
    git,
  }
}

/** In memory where that can be, as /run/sluice is on most machines: on a disk, each push pays for the files that it makes there. */
async function runFolder(folder: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp('/dev/shm/sluice-bench-').catch(() => join(folder, 'run'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function startApp(name: 'gateway' | 'gitworker', env: Record<string, string>, folder: string): Promise<App> {
  const main = fileURLToPath(new URL(`../../apps/${name}/src/main.ts`, import.meta.url))
  const args = [...nodeFlags, main]
  const output = join(folder, `${name}.log`)
  const daemon = await startDaemon({ command: process.execPath, args, env, output, ipc: true })
  const early = once(daemon.child, 'exit').then(() => Promise.reject(new Error(`The ${name} ended; see ${output}.`)))
  early.catch(() => {})
  daemon.child.channel?.ref()
  const [message] = (await Promise.race([once(daemon.child, 'message'), early])) as [Omit<App, 'daemon'>]
  daemon.child.channel?.unref()
  return { daemon, ...message }
}

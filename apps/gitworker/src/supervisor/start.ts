import { access, constants, realpath } from 'node:fs/promises'
import type { Server } from 'node:http'
import { resolve } from 'node:path'
import type { Address } from '@sluice/shared/address'
import { ConfigError } from '@sluice/shared/config'
import { errnoOf } from '@sluice/shared/errno'
import { listen } from '@sluice/shared/listen'
import type { Logger } from '@sluice/shared/log'
import type { Running } from '@sluice/shared/running'
import type { SupervisorConfig } from '../config.ts'
import type { GitOptions } from '../git/command.ts'
import { jobRunner } from '../git/job.ts'
import type { RunJob } from '../git/job.ts'
import { Admission } from './admission.ts'
import { Audit } from './audit.ts'
import { createListener } from './listener.ts'
import { Pool } from './pool.ts'
import { openRunFolder } from './run-folder.ts'
import { ServiceSwitch } from './service-switch.ts'
import { findWorkerRuntime } from './worker-runtime.ts'

export type Supervisor = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  readonly running: Running
  readonly audit: Audit
  /** What was found at the start, for the log. */
  readonly facts: Readonly<Record<string, string>>
}

/** @throws {ConfigError} where the root, git or the workers' runtime is missing, or the address is taken */
export async function startSupervisor(config: SupervisorConfig, log: Logger): Promise<Supervisor> {
  await using started = new AsyncDisposableStack()
  if (process.pid === 1) throw new ConfigError([asFirstProcess])
  const root = await openRoot(config)
  const runFolder = started.use(await openRunFolder(config.runFolder, config.killGrace, log))
  const { home } = runFolder
  const runtime = await findWorkerRuntime(config.workerRuntime, runFolder.path)
  if (runtime.name === 'node') {
    log.warn('workers run on Node: each costs more to start, and what escapes its session is left to PID 1')
  }
  const graces = { push: config.pushGrace, kill: config.killGrace }
  const pool = started.use(
    new Pool({ runtime, cwd: home, startTimeout: config.workerStartTimeout, warm: config.warmWorkers }, log),
  )
  const git: GitOptions = { ...config, path: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', home }
  const runJob = jobRunner(pool, git)
  const gitVersion = await checkGit(config.git, runJob)

  const audit = started.use(new Audit(log))
  const queue = { queueLength: config.queueLength, queueTimeout: config.queueTimeout }
  const admission = new Admission({
    'fetch': { slots: config.fetchSlots, ...queue },
    'push': { slots: config.pushSlots, ...queue },
    'push-advertisement': { slots: config.pushAdvertisementSlots, ...queue },
  })
  const { server, running } = createListener(
    { ...config, root, graces, git, runFolder, audit, admission, pool, serviceSwitch: new ServiceSwitch(), runJob },
    log,
  )
  const address = await listen(server, config.supervisor, 'SLUICE_SUPERVISOR')
  started.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  const dispose = started.move()
  return {
    server,
    address,
    running,
    audit,
    facts: { root, runtime: runtime.name, git: gitVersion },
    [Symbol.asyncDispose]: () => dispose.disposeAsync(),
  }
}

/** Node reaps only what it has started itself. */
const asFirstProcess =
  'The supervisor runs as PID 1, where orphans become its children and nobody reaps them. Put a reaper in front of it: ' +
  '"tini --" as the entry point of the image, "docker run --init", or "init: true" in compose.'

async function openRoot({ root, createOnPush }: SupervisorConfig): Promise<string> {
  const path = resolve(root)
  try {
    await access(path, constants.R_OK | constants.X_OK | (createOnPush ? constants.W_OK : 0))
    return await realpath(path)
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : `may not be ${createOnPush ? 'written to' : 'read'}`
    throw new ConfigError([`SLUICE_ROOT names ${path}, which ${why} (${errnoOf(error)}).`])
  }
}

const oldestGit = [2, 34] as const

async function checkGit(program: string, runJob: RunJob): Promise<string> {
  const said = await runJob(['version']).catch((error: unknown) => String(error))
  const [version, major, minor] = /^git version (\d+)\.(\d+)[^\n]*/.exec(said) ?? []
  const isNewEnough = Number(major) > oldestGit[0] || (Number(major) === oldestGit[0] && Number(minor) >= oldestGit[1])
  if (version !== undefined && isNewEnough) return version
  const needed = `git ${oldestGit.join('.')} or newer`
  throw new ConfigError([
    `SLUICE_GIT names ${program}, which is not ${needed}. Asked for its version, it said: ${said.trim()}`,
  ])
}

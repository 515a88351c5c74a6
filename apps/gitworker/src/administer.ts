import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { runApp, tellPeople } from '@sluice/shared/app/run-app'
import { untilStopped } from '@sluice/shared/app/stop-signal'
import { openLog } from '@sluice/shared/telemetry/log'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import { readSupervisorConfig } from './config/config.ts'
import { HostMetrics } from './operations/metrics.ts'
import { openReadOnlyRules } from './repository/read-only-rules.ts'
import { RepositoryUsers } from './repository/repository-users.ts'
import { openAdministration } from './start/administration/open-administration.ts'
import type { SupervisorConfig } from './config/config.ts'
import { openEventLog } from './start/parts/events/event-log.ts'
import { openNewRepositories } from './start/parts/dispatcher.ts'
import { checkReaper } from './start/parts/prerequisites.ts'
import { openMoving } from './start/administration/moving.ts'
import { openStorage } from './start/parts/storage.ts'
import { openWorkers } from './start/parts/workers.ts'

/*
 * The administration of repositories while the host is stopped: its parts without its server. It takes the runtime directory
 * as the host does, so that there is never more than one of the two. It serves the same addresses on a socket in a private
 * folder, which it tells its parent over IPC, and ends with its parent, or at a signal. It also tells its parent why it cannot.
 */

await runApp(administer, tellParent)

async function administer(): Promise<void> {
  const stopped = untilStopped()
  await using opened = new AsyncDisposableStack()
  checkReaper()
  const config = { ...readSupervisorConfig(process.env, await readSettingsFile(process.env)), warmWorkers: 1 }
  await checkUser(config.root)
  checkStandsAlone(config)
  const log = openLog('supervisor', { ...config, logLevel: quieter(config.logLevel), logFormat: 'pretty' })
  const metrics = new HostMetrics(new Registry())
  const storage = opened.use(await openStorage(config, log))
  const workers = opened.use(await openWorkers(config, storage.runtimeDirectory, metrics, log))
  const { eventLog } = opened.use(await openEventLog({ config, storage, workers, disks: undefined, onEvent() {}, log }))
  const newRepositories = await openNewRepositories(config, storage, workers, log)
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const address = { kind: 'unix', path: join(folder, 'administration.sock') } as const
  const users = new RepositoryUsers()
  const readOnly = opened.use(await openReadOnlyRules(config, log))
  const moving = await openMoving(config, storage, undefined, log)
  const missing = { answers: undefined, mirrors: undefined, desk: undefined }
  const parts = {
    config,
    storage,
    workers,
    moving,
    newRepositories,
    users,
    ...missing,
    eventLog,
    readOnly,
    metrics,
    log,
  }
  opened.use(await openAdministration(parts, address))
  process.send?.({ socket: address.path })
  await stopped
}

function tellParent(error: unknown): void {
  if (!process.send) return tellPeople(error)
  const { problems, mayHeal } = error instanceof ConfigError ? error : {}
  process.send({ failure: error instanceof Error ? error.message : String(error), problems, mayHeal })
}

/** @throws {ConfigError} where other hosts may be at work with the repositories */
function checkStandsAlone(config: SupervisorConfig): void {
  if (config.cluster === 'off') return
  const theirs =
    config.storage === 'own'
      ? 'have copies of its repositories (SLUICE_STORAGE=own)'
      : 'work with its repositories (SLUICE_STORAGE=shared)'
  const problem = `This host is stopped, and others of its cluster ${theirs}. Do this on a host that runs.`
  throw new ConfigError([problem], { mayHeal: true })
}

/** What another user made in the root could not be written to by the host. */
async function checkUser(root: string): Promise<void> {
  const found = await stat(root).catch(() => undefined)
  const uid = process.getuid?.()
  if (!found || found.uid === uid) return
  throw new ConfigError(
    [
      `The host is stopped, and ${root} belongs to another user (uid ${found.uid}) than this one (uid ${uid}), who would leave files there that the host may not write to. Run this as that user: sudo -u '#${found.uid}' …`,
    ],
    { mayHeal: true },
  )
}

/** Its log goes to a person's terminal, where a line about each start would be in the way. */
function quieter(level: string) {
  return level === 'silent' ? 'silent' : level === 'error' ? 'error' : 'warn'
}

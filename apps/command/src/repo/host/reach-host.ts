import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { ConfigError } from '@sluice/shared/config/config-error'
import { settings } from '@sluice/shared/config/settings'
import { errnoOf } from '@sluice/shared/machine/errno'
import { environmentOf } from '../../call/reporting.ts'
import { readSettings } from '../../call/settings.ts'
import type { Surroundings } from '../../call/surroundings.ts'
import { CommandError } from '../../output/failure.ts'
import { administrationClient } from './administration-client.ts'
import type { AdministrationClient, OnLine } from './administration-client.ts'

/**
 * Does something with the repositories of a host: over the socket of the host that runs, or, where it is stopped, of a
 * process that stands in for it meanwhile.
 *
 * @throws {CommandError}, {ConfigError}
 */
export async function withHost<T>(
  at: Surroundings,
  command: CommandUnknownOpts,
  act: (host: AdministrationClient, onLine: OnLine) => Promise<T>,
): Promise<T> {
  using progress = progressOn(at)
  const running = await runningHost(at, command)
  if (running) return await act(running, progress.onLine)
  const { openStoppedHost } = await import('./stopped-host.ts')
  const env = environmentOf(at, command)
  await using stopped = await openStoppedHost(env).catch((error: unknown) => Promise.reject(inContext(error, env)))
  return await act(administrationClient(stopped.socketPath), progress.onLine)
}

/** Whoever names only the runtime directory of a host means one that runs, and not the usual folder of repositories. */
function inContext(error: unknown, env: NodeJS.ProcessEnv): unknown {
  const { SLUICE_RUN_FOLDER: runFolder, SLUICE_ROOT: root, SLUICE_CONFIG: file } = env
  const isAboutRoot =
    error instanceof ConfigError && error.problems.some((problem) => problem.startsWith('SLUICE_ROOT '))
  if (!isAboutRoot || !runFolder || root || file) return error
  return new CommandError(
    `No host runs with SLUICE_RUN_FOLDER=${runFolder}. Start it; or, to do this while it is stopped, set SLUICE_ROOT and the other settings as it has them.`,
  )
}

/**
 * The host that runs here; undefined where none does.
 *
 * @throws {CommandError} where there may be one that this user may not ask; {ConfigError}
 */
export async function runningHost(
  at: Surroundings,
  command: CommandUnknownOpts,
): Promise<AdministrationClient | undefined> {
  const { administration, runFolder } = settings
  const socket = socketOf(await readSettings({ administration, runFolder }, at, command))
  return socket !== undefined && (await isAnswered(socket)) ? administrationClient(socket) : undefined
}

type Wanted = { readonly administration: 'auto' | undefined | { readonly path: string }; readonly runFolder: string }

function socketOf({ administration, runFolder }: Wanted): string | undefined {
  return administration === 'auto' ? join(resolve(runFolder), 'administration.sock') : administration?.path
}

/** @throws {CommandError} where there may be somebody whom this user may not ask */
async function isAnswered(path: string): Promise<boolean> {
  const error = await new Promise<unknown>((done) => {
    const probe = connect({ path })
    probe.on('connect', () => {
      probe.destroy()
      done(undefined)
    })
    probe.on('error', done)
  })
  if (error === undefined) return true
  if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(errnoOf(error))) return false
  throw new CommandError(
    errnoOf(error) === 'EACCES'
      ? `This user may not connect to ${path}: run the command as the user of the supervisor, or as root.`
      : `The administration of the host at ${path} cannot be reached (${errnoOf(error)}).`,
  )
}

/** Shows the last line of progress on a terminal, and takes it away in the end. */
function progressOn({ stderr }: Surroundings): Disposable & { readonly onLine: OnLine } {
  let isShown = false
  const show = (line: string) => {
    stderr.write(`\r\x1b[K${line.slice(0, Math.max(0, (stderr.columns ?? 80) - 1))}`)
    isShown = line !== ''
  }
  return {
    onLine: ({ progress }) => {
      if (stderr.isTTY && typeof progress === 'string') show(progress)
    },
    [Symbol.dispose]: () => {
      if (isShown) show('')
    },
  }
}

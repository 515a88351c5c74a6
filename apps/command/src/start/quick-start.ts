import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAddress } from '@sluice/shared/network/address'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import { checkAll } from '@sluice/shared/config/start-checks'
import { untilStopped } from '@sluice/shared/app/stop-signal'
import { startChecksOfGateway } from '@sluice/gateway/start/start-checks'
import { startChecksOfHost } from '@sluice/gitworker/start/start-checks'
import type { Report } from '../output/report.ts'
import { announcement } from './announcement.ts'
import { startApp } from './app-process.ts'
import { createDemo } from './demo-repository.ts'
import { usualAddress } from './usual-address.ts'

const project = fileURLToPath(new URL('../../../..', import.meta.url))

/**
 * Runs supervisor and gateway on this machine, with a repository to try, and everything in one folder, until it is
 * stopped. For production, start the two applications themselves.
 *
 * @throws {ConfigError} with all problems of the configuration, and of what it names, each once
 */
export async function quickStart(
  named: string | undefined,
  given: NodeJS.ProcessEnv,
  output: Output,
): Promise<undefined> {
  const stopped = untilStopped()
  const folder = resolve(named ?? join(project, 'var'))
  const ownRoot = join(folder, 'repos')
  const file = await readSettingsFile(given)
  const defaults = Object.entries(await quickStartDefaults(folder, ownRoot))
  const missing = defaults.filter(([variable]) => !file?.entries.has(variable))
  const env = { ...Object.fromEntries(missing), ...withoutEmpty(given) }
  const config = readConfig(settings, env, file)
  // A root that the operator has named is not created or filled here.
  const isOwnRoot = config.root === ownRoot
  const checksOfHost = isOwnRoot ? startChecksOfHost(config, () => undefined) : startChecksOfHost(config)
  await checkAll([...checksOfHost, ...startChecksOfGateway(config)])
  if (isOwnRoot && (await mkdir(ownRoot, { recursive: true }))) await createDemo(join(ownRoot, 'demo.git'), config.git)

  await using supervisor = await startApp(
    'The supervisor',
    join(project, 'apps/gitworker/src/main.ts'),
    env,
    output.log,
  )
  await using gateway = await startApp('The gateway', join(project, 'apps/gateway/src/main.ts'), env, output.log)
  output.announce(announcement(gateway.address, supervisor.operations, config))

  // The gateway stops first, so that no request meets a supervisor that has stopped.
  const { hurry } = await Promise.race([stopped, supervisor.failed, gateway.failed])
  hurry.addEventListener('abort', () => [gateway, supervisor].forEach((app) => app.hurry()))
  output.say('\nStopping: running requests may finish. Ctrl-C again ends them at once.\n')
  await gateway.stop()
  await supervisor.stop()
}

/** Where things are said. */
export type Output = {
  /** Where the applications write their logs. */
  readonly log: 'stdout' | 'stderr'
  announce(announcement: Report): void
  say(text: string): void
}

const statusPort = 8081

async function quickStartDefaults(folder: string, ownRoot: string): Promise<Record<string, string>> {
  return {
    SLUICE_ROOT: ownRoot,
    SLUICE_SUPERVISOR: `unix:${socketPath(folder)}`,
    SLUICE_RUN_FOLDER: join(folder, 'run'),
    SLUICE_CREATE_ON_PUSH: 'on',
    SLUICE_SUPERVISOR_OPERATIONS: await usualAddress(statusPort),
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_LOG_FORMAT: process.stdout.isTTY ? 'pretty' : 'json',
  }
}

/** In the folder. If that path is too long for a socket, in the folder for temporary files. */
function socketPath(folder: string): string {
  const path = join(folder, 'run/supervisor.sock')
  return parseAddress(`unix:${path}`) ? path : join(tmpdir(), `sluice-${process.pid}.sock`)
}

/** An empty variable counts as not set, as everywhere. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

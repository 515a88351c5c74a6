import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseAddress } from '@sluice/shared/network/address'
import { readConfig } from '@sluice/shared/config/read-config'
import { runApp } from '@sluice/shared/app/run-app'
import { settings } from '@sluice/shared/config/settings'
import { checkAll } from '@sluice/shared/config/start-checks'
import { untilStopped } from '@sluice/shared/app/stop-signal'
import { startChecksOfGateway } from '../../apps/gateway/src/start/start-checks.ts'
import { startChecksOfHost } from '../../apps/gitworker/src/start/start-checks.ts'
import { announce } from './announcement.ts'
import { startApp } from './app-process.ts'
import { createDemo } from './demo-repository.ts'
import { statusAddress } from './status-port.ts'

/*
 * `npm start [-- FOLDER]` runs supervisor and gateway on this machine, with a repository to try, and everything in
 * FOLDER (by default, var). For production, start the two applications themselves.
 */

const project = fileURLToPath(new URL('../..', import.meta.url))
const { positionals } = parseArgs({ allowPositionals: true })
const folder = resolve(positionals[0] ?? join(project, 'var'))
const ownRoot = join(folder, 'repos')

await runApp(async () => {
  const stopped = untilStopped()
  const env = { ...(await quickStartDefaults()), ...withoutEmpty(process.env) }
  // All problems of the configuration, and of what it names, are reported once, here.
  const config = readConfig(settings, env)
  // A root that the operator has named is not created or filled here.
  const isOwnRoot = config.root === ownRoot
  const checksOfHost = isOwnRoot ? startChecksOfHost(config, () => undefined) : startChecksOfHost(config)
  await checkAll([...checksOfHost, ...startChecksOfGateway(config)])
  if (isOwnRoot && (await mkdir(ownRoot, { recursive: true }))) await createDemo(join(ownRoot, 'demo.git'), config.git)

  await using supervisor = await startApp('supervisor', join(project, 'apps/gitworker/src/main.ts'), env)
  await using gateway = await startApp('gateway', join(project, 'apps/gateway/src/main.ts'), env)
  announce(gateway.address, supervisor.operations, config)

  // The gateway stops first, so that no request meets a supervisor that has stopped.
  const { hurry } = await Promise.race([stopped, supervisor.failed, gateway.failed])
  hurry.addEventListener('abort', () => [gateway, supervisor].forEach((app) => app.hurry()))
  console.log('\nStopping: running requests may finish. Ctrl-C again ends them at once.')
  await gateway.stop()
  await supervisor.stop()
})

async function quickStartDefaults(): Promise<Record<string, string>> {
  return {
    SLUICE_ROOT: ownRoot,
    SLUICE_SUPERVISOR: `unix:${socketPath()}`,
    SLUICE_RUN_FOLDER: join(folder, 'run'),
    SLUICE_CREATE_ON_PUSH: 'on',
    SLUICE_SUPERVISOR_OPERATIONS: await statusAddress(),
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_LOG_FORMAT: process.stdout.isTTY ? 'pretty' : 'json',
  }
}

/** In the folder. If that path is too long for a socket, in the folder for temporary files. */
function socketPath(): string {
  const path = join(folder, 'run/supervisor.sock')
  return parseAddress(`unix:${path}`) ? path : join(tmpdir(), `sluice-${process.pid}.sock`)
}

/** An empty variable counts as not set, as everywhere. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAddress } from '@sluice/shared/address'
import { readConfig } from '@sluice/shared/config'
import { runApp } from '@sluice/shared/run-app'
import { settings } from '@sluice/shared/settings'
import { untilStopped } from '@sluice/shared/stop-signal'
import { startApp } from './app-process.ts'
import { createDemo } from './demo-repository.ts'

/*
 * `npm start`: supervisor and gateway on this machine, with a repository to try. For production, start the two
 * applications themselves.
 */

const project = fileURLToPath(new URL('../..', import.meta.url))

await runApp(async () => {
  const stopped = untilStopped()
  const env = { ...quickStartDefaults(), ...process.env }
  // All that is wrong with the configuration is said once, here.
  const { root } = readConfig(settings, env)
  await mkdir(root, { recursive: true })
  if ((await readdir(root)).length === 0) await createDemo(join(root, 'demo.git'))

  await using supervisor = await startApp('supervisor', join(project, 'apps/gitworker/src/main.ts'), env)
  await using gateway = await startApp('gateway', join(project, 'apps/gateway/src/main.ts'), env)
  announce(gateway.address, root)

  // The gateway first, so that no request meets a supervisor that has stopped.
  const { hurry } = await Promise.race([stopped, supervisor.failed, gateway.failed])
  hurry.addEventListener('abort', () => [gateway, supervisor].forEach((app) => app.hurry()))
  console.log('\nStopping: running requests may finish. Ctrl-C again ends them at once.')
  await gateway.stop()
  await supervisor.stop()
})

function quickStartDefaults(): Record<string, string> {
  return {
    SLUICE_ROOT: join(project, 'var/repos'),
    SLUICE_SUPERVISOR: `unix:${socketPath()}`,
    SLUICE_CREATE_ON_PUSH: 'on',
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_LOG_FORMAT: process.stdout.isTTY ? 'pretty' : 'json',
  }
}

/** In the project; where its path is too long for a socket, in the folder for temporary files. */
function socketPath(): string {
  const inProject = join(project, 'var/run/supervisor.sock')
  return parseAddress(`unix:${inProject}`) ? inProject : join(tmpdir(), `sluice-${process.pid}.sock`)
}

function announce(address: string, root: string): void {
  const url = `http://${address}`
  const here = relative(process.cwd(), root) || '.'
  const demo = existsSync(join(root, 'demo.git'))
  console.log(`
  Sluice serves ${here} on ${url}
${
  demo
    ? `
  Try it in another terminal:

    git clone ${url}/demo.git
    cd demo
    git commit --allow-empty -m 'Say hello'
    git push
`
    : ''
}
  Push to a new name and the repository is created:

    git push ${url}/team/project.git HEAD

  Ctrl-C stops everything.
`)
}

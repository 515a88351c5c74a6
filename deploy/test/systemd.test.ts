import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings, settingsOf } from '@sluice/shared/config/settings'
import { temporaryFolder } from '@sluice/shared/testing/folder'

const project = fileURLToPath(new URL('../..', import.meta.url))
const units = ['sluice-supervisor.service', 'sluice-gateway.service']
const unitText = async (name: string) => readFile(join(project, 'deploy/systemd', name), 'utf8')
const clusterFolder = join(project, 'deploy/systemd/cluster')
const missing = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed'

/** systemd's own measure, from 0 to 10. Less is better. */
const mostExposed = 2

test('systemd can read the units', { skip: missing }, async () => {
  await using folder = await temporaryFolder()
  assert.deepEqual(await mistakesIn(folder.path), { status: 0, told: [] })
})

test('systemd can read the units with what a cluster adds to them', { skip: missing }, async () => {
  await using folder = await temporaryFolder()
  for (const name of units) {
    await mkdir(join(folder.path, `${name}.d`))
    await copyFile(join(clusterFolder, `${name}.d/cluster.conf`), join(folder.path, `${name}.d/cluster.conf`))
  }
  assert.deepEqual(await mistakesIn(folder.path), { status: 0, told: [] })
  await writeFile(join(folder.path, `${units[0]}.d/other.conf`), '[Service]\nTimeoutStopSec=long\n')
  assert.match((await mistakesIn(folder.path)).told.join('\n'), /other\.conf/)
})

/** Puts the units into the folder. @returns what systemd says about all that is in it */
async function mistakesIn(folder: string) {
  // systemd-analyze looks for the program and the user, which are not on every machine.
  for (const name of units) {
    const text = (await unitText(name)).replaceAll('/opt/sluice', project.replace(/\/$/, ''))
    await writeFile(join(folder, name), text.replace(/^(User|Group)=.*$/gm, '$1=root'))
  }
  const paths = units.map((name) => join(folder, name))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], { encoding: 'utf8' })
  return { status, told: stderr.split('\n').filter((line) => line.includes('sluice-')) }
}

test('the units leave little exposed', { skip: missing }, () => {
  for (const name of units) {
    const path = join(project, 'deploy/systemd', name)
    const args = ['security', '--offline=true', '--no-pager', `--threshold=${mostExposed * 10}`, path]
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    assert.equal(status, 0, `${name}: ${stdout.trim().split('\n').at(-1)} ${stderr}`)
  }
})

test('the units stop the application first, and then what is left, and one failure does not stop all', async () => {
  for (const name of units) {
    const text = await unitText(name)
    for (const line of ['KillMode=mixed', 'OOMPolicy=continue', 'TimeoutStopSec=75', 'RestartPreventExitStatus=78']) {
      assert.match(text, new RegExp(`^${line}$`, 'm'), name)
    }
    assert.match(text, /^TasksMax=\d+$/m, name)
    const names = text.matchAll(/\bSLUICE_\w+(?==)/g).map(([found]) => found)
    for (const found of names)
      assert.ok(
        Object.values(settings).some((setting) => setting.name === found),
        found,
      )
  }
})

test('the settings of a cluster are valid, and lead all to the same etcd', async () => {
  const read = async (app: 'supervisor' | 'gateway') => {
    const env = parseEnv(await readFile(join(clusterFolder, `${app}.env`), 'utf8')) as Record<string, string>
    return { env, config: readConfig(settingsOf(app), env, undefined) }
  }
  const [host, gateway] = [await read('supervisor'), await read('gateway')]
  for (const name of ['SLUICE_CLUSTER', 'SLUICE_ETCD', 'SLUICE_HOST_SECRET_FILE'])
    assert.equal(host.env[name], gateway.env[name], name)
})

test('a host of a cluster has time to hand over, and then to finish its requests', async () => {
  const text = await readFile(join(clusterFolder, 'sluice-supervisor.service.d/cluster.conf'), 'utf8')
  const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1])
  const { drainTimeout } = readConfig(settingsOf('supervisor'), {}, undefined)
  assert.ok(seconds * 1000 > 2 * drainTimeout, `${seconds} s`)
})

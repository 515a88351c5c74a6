import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { settings } from '@sluice/shared/config/settings'
import { temporaryFolder } from '@sluice/shared/testing/folder'

const project = fileURLToPath(new URL('../..', import.meta.url))
const units = ['sluice-supervisor.service', 'sluice-gateway.service']
const unitText = async (name: string) => readFile(join(project, 'deploy/systemd', name), 'utf8')
const missing = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed'

/** systemd's own measure, from 0 to 10. Less is better. */
const mostExposed = 2

test('systemd can read the units', { skip: missing }, async () => {
  await using folder = await temporaryFolder()
  const copies = join(folder.path, 'units')
  await mkdir(copies)
  // systemd-analyze looks for the program and the user, which are not on every machine.
  for (const name of units) {
    const text = (await unitText(name)).replaceAll('/opt/sluice', project.replace(/\/$/, ''))
    await writeFile(join(copies, name), text.replace(/^(User|Group)=.*$/gm, '$1=root'))
  }
  const paths = units.map((name) => join(copies, name))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], { encoding: 'utf8' })
  const told = stderr.split('\n').filter((line) => line.includes('sluice-'))
  assert.deepEqual(told, [])
  assert.equal(status, 0, stderr)
})

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

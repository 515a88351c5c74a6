import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '@sluice/shared/config/read-config'
import { readSettingsDocument } from '@sluice/shared/config/settings-document'
import { settings } from '@sluice/shared/config/settings'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { InForce, Settings } from '../src/config/in-force.ts'
import { call, documentOf } from './support/call.ts'

async function settingsFor(argv: readonly string[], env: NodeJS.ProcessEnv) {
  const { exitCode, document } = await documentOf(['config', ...argv], { env })
  const found = document as Settings
  const setting = (name: string) => found.settings.find((one) => one.name === name) as InForce
  return { exitCode, found, setting }
}

test('each setting is shown with its value and where that is from', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'sluice.yaml')
  await writeFile(file, 'repositories:\n  root: /srv/repos\n  git: /usr/bin/git\n')
  const env = { SLUICE_GIT: '/opt/git', SLUICE_SOURCE_QUEUE: '7' }
  const { exitCode, found, setting } = await settingsFor(['--config', file], env)
  assert.equal(exitCode, 0)
  assert.equal(found.settings.length, Object.keys(settings).length)
  const { value, from, file: where, line } = setting('SLUICE_ROOT')
  assert.deepEqual({ value, from, where, line }, { value: '/srv/repos', from: 'file', where: file, line: 2 })
  assert.equal(setting('SLUICE_GIT').value, '/opt/git')
  assert.equal(setting('SLUICE_GIT').from, 'environment')
  assert.equal(setting('SLUICE_CLIENT_QUEUE').variable, 'SLUICE_SOURCE_QUEUE')
  assert.deepEqual(setting('SLUICE_LISTEN').readBy, ['gateway'])
  assert.equal(setting('SLUICE_LISTEN').from, 'default')

  const { stdout } = await call(['config', '--config', file], { env })
  assert.match(stdout, /^Repositories and git\n {2}SLUICE_ROOT +\/srv\/repos +\S*sluice\.yaml:2 +supervisor$/m)
  assert.match(stdout, /SLUICE_CLIENT_QUEUE +7 +environment \(SLUICE_SOURCE_QUEUE\)/)
})

test('only what differs from its default is shown where that is wanted', async () => {
  const env = { SLUICE_GIT: 'git', SLUICE_FETCH_SLOTS: '3' }
  const { found } = await settingsFor(['--changed'], env)
  assert.deepEqual(
    found.settings.map(({ name }) => name),
    ['SLUICE_FETCH_SLOTS'],
  )
  assert.equal((await call(['config', '--changed'])).stdout, 'Every setting has its default.\n')
})

test('passwords in addresses are hidden, also where the value is wrong', async () => {
  const secret = 'hunter2'
  const env = {
    SLUICE_ACCESS_SERVICE: `https://me:${secret}@auth.example/`,
    SLUICE_OTLP_ENDPOINT: `ftp://me:${secret}@otlp.example/`,
  }
  for (const argv of [['config'], ['config', '--json'], ['config', '--changed']]) {
    const { exitCode, stdout, stderr } = await call(argv, { env })
    assert.equal(exitCode, 78)
    assert.ok(!`${stdout}${stderr}`.includes(secret))
    assert.match(stdout, /https:\/\/\(hidden\)@auth\.example\//)
    assert.match(stdout, /SLUICE_OTLP_ENDPOINT takes off, or the address/)
  }
})

test('the examples are valid, name every setting, and change nothing', async () => {
  const yaml = (await call(['config', '--yaml'])).stdout
  assert.match(yaml, /^# yaml-language-server: \$schema=\/.*\/deploy\/sluice\.schema\.json\n/)
  const { entries, problems } = readSettingsDocument(yaml, 'sluice.yaml')
  assert.deepEqual([entries.size, problems], [0, []])
  const { stdout } = await call(['config', '--env'])
  assert.ok(stdout.split('\n').every((line) => line === '' || line.startsWith('#')))
  const variables = stdout.matchAll(/^# (SLUICE_\w+)=(.*)$/gm).map(([, name, value]) => [name!, value!] as const)
  const all = Object.fromEntries(variables)
  assert.equal(Object.keys(all).length, Object.keys(settings).length)
  assert.deepEqual(readConfig(settings, { ...all, SLUICE_PACK_THREADS: '' }), readConfig(settings, {}))
})

test('two examples at once are refused', async () => {
  const { exitCode, stderr } = await call(['config', '--env', '--yaml'])
  assert.equal(exitCode, 2)
  assert.match(stderr, /option '--env' cannot be used with option '--yaml'/i)
})

test('of a file that is no YAML, only what is wrong is shown', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'sluice.yaml')
  await writeFile(file, 'repositories:\n  root: "/x\n')
  const { exitCode, stdout, stderr } = await call(['config', '--config', file])
  assert.deepEqual([exitCode, stdout], [78, ''])
  assert.match(stderr, /^error: .*sluice\.yaml:3: this is not valid YAML/)
})

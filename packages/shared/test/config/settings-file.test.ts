import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { earlyRunFolder } from '../../src/config/early-run-folder.ts'
import { warnOfFormerNames } from '../../src/config/former-names.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { places } from '../../src/config/setting-names.ts'
import { readSettingsFile } from '../../src/config/settings-file.ts'
import { readSettingsDocument } from '../../src/config/settings-document.ts'
import { settingGroups, settings } from '../../src/config/settings.ts'
import { temporaryFolder } from '../../testing/folder.ts'

const path = '/etc/sluice/sluice.yaml'

function read(text: string, env: NodeJS.ProcessEnv = {}) {
  return readConfig(settings, env, { path, ...readSettingsDocument(text, path) })
}

function problemsOf(text: string): readonly string[] {
  try {
    read(text)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

test('settings stand under their groups, by the names of their variables', () => {
  const config = read('repositories:\n  root: /srv/repos\naddresses:\n  listen: 127.0.0.1:9999\n')
  assert.equal(config.root, '/srv/repos')
  assert.deepEqual(config.listen, { kind: 'tcp', host: '127.0.0.1', port: 9999 })
  assert.equal(config.git, 'git')
})

test('the environment wins over the file, unless a variable is empty', () => {
  const text = 'repositories:\n  root: /a\n  git: /b/git\n'
  const config = read(text, { SLUICE_ROOT: '/c', SLUICE_GIT: '' })
  assert.equal(config.root, '/c')
  assert.equal(config.git, '/b/git')
})

test('on and off may be written as people write them in YAML', () => {
  for (const [word, value] of [
    ['on', true],
    ['true', true],
    ['True', true],
    ['yes', true],
    ['"on"', true],
    ['off', false],
    ['false', false],
    ['NO', false],
  ] as const) {
    assert.equal(read(`tls: { http2: ${word} }`).http2, value, word)
  }
  assert.equal(read('tls: { tls_key: false }').tlsKey, undefined)
  assert.equal(read('tls: { tls_key: "false" }').tlsKey, 'false')
  assert.equal(read('access: { open_to_network: no }').openToNetwork, false)
  assert.match(problemsOf('tls: { http2: "true" }').join(), /tls\.http2 takes on or off, not "true"/)
  assert.match(problemsOf('capacity: { fetch_slots: true }').join(), /fetch_slots takes auto, or a whole number/)
})

test('numbers, sizes, times and addresses are taken as they are written', () => {
  const text = `
capacity: { fetch_slots: 7, largest_share: 50%, max_fetch_request: 64MiB }
times: { idle_timeout: 90s }
addresses: { listen: "[::1]:22" }
`
  const config = read(text)
  assert.equal(config.fetchSlots, 7)
  assert.equal(config.largestShare, 0.5)
  assert.equal(config.maxFetchRequest, 64 * 2 ** 20)
  assert.equal(config.idleTimeout, 90_000)
  assert.deepEqual(config.listen, { kind: 'tcp', host: '::1', port: 22 })
  assert.deepEqual(problemsOf('capacity:\n  queue_length: 010\n'), [
    `${path}:2: capacity.queue_length: write 10 instead of 010, which some read as an octal number.`,
  ])
  for (const number of ['0x10', '1_000', '1e3', '1.0', '-1', '.inf'])
    assert.match(problemsOf(`capacity: { queue_length: ${number} }`).join(), /takes a whole number from 0 to/, number)
})

test('lists may be lists, and nothing stands for the default', () => {
  const text = `
addresses:
  trusted_proxies:
    - 10.0.0.0/8
    - unix
  host_names:
pushes:
  max_push: ["big/**=20GiB", "**=2GiB"]
  protected_refs: ~
operators:
`
  const config = read(text)
  assert.deepEqual(config.trustedProxies, read('', { SLUICE_TRUSTED_PROXIES: '10.0.0.0/8,unix' }).trustedProxies)
  assert.equal(config.maxPush.length, 2)
  assert.equal(config.hostNames, 'auto')
  assert.deepEqual(config.protectedRefs, [])
  assert.match(problemsOf('tls: { tls_key: [a, b] }').join(), /tls\.tls_key takes .*, not a list\./)
  assert.match(
    problemsOf('addresses: { host_names: ["a,b"] }').join(),
    /each item of addresses\.host_names is one text/,
  )
})

test('an empty file is one without settings', () => {
  for (const text of ['', '# nothing yet\n', '---\n', 'addresses:\n', '{}', '\uFEFF'])
    assert.deepEqual(problemsOf(text), [])
})

test('what is wrong is told with its line and with what would be right, all at once', () => {
  const text = `adresses:
  listen: here
repositories:
  rot: /srv
  tls_key: /key
  SLUICE_GIT: git
  root: /a
  root: /b
tls_key: x
times:
  idle_timeout: 5
`
  assert.deepEqual(problemsOf(text), [
    `${path}:1: "adresses" is no group of settings; did you mean "addresses"?`,
    `${path}:4: "rot" is not a setting of Sluice; did you mean "root" under "repositories:"?`,
    `${path}:5: "tls_key" belongs under "tls:", as "tls_key".`,
    `${path}:6: "SLUICE_GIT" is written "git" in this file.`,
    `${path}:8: "root" is there already, in line 7. Keep one.`,
    `${path}:9: "tls_key" belongs under "tls:", as "tls_key".`,
    `${path}:11: times.idle_timeout takes a time such as 500ms, 30s, 5m or 1h, not "5".`,
  ])
})

test('a file that is no YAML, or of another form, is told so', () => {
  for (const [text, says] of [
    ['addresses:\n\tlisten: x', /:2: this is not valid YAML: Tabs are not allowed/],
    ['a: [', /:1: this is not valid YAML/],
    ['pushes:\n  max_push: **=2GiB\n', /:2: .*Put a value that begins with \* in quotes/],
    ['access: { jwt_issuer: @x }', /put the value in quotes/],
    ['- a', /:1: here should be groups of settings/],
    ['just words', /:1: here should be groups of settings/],
    ['tls: on', /:1: here should be settings, in lines of their own below "tls:"/],
    ['tls:\n  tls_key:\n    a: b', /:2: tls\.tls_key takes .*, not settings of its own/],
    ['? [a]\n: b', /a key is a name/],
    ['tls: {}\n---\ntls: {}\n', /more than one document/],
    ['SLUICE_ROOT=/srv', /here should be groups of settings/],
    [`tls: ${'['.repeat(100_000)}`, /not valid YAML/],
  ] as const) {
    assert.match(problemsOf(text).join('\n'), says, text.slice(0, 80))
  }
})

test('aliases are followed, a bounded number of times', () => {
  const config = read('repositories: { root: &x /srv/git }\ntls: { tls_key: *x }\n')
  assert.equal(config.tlsKey, '/srv/git')
  const many = Array.from({ length: 200 }, () => '*x').join(', ')
  const text = `repositories: { root: &x a }\naddresses:\n  host_names: [${many}]\n`
  assert.match(problemsOf(text).join('\n'), /a file may have 100 aliases/)
  assert.ok(problemsOf(text).length <= 20)
})

test('an old name and an old value work in a file, with a warning', () => {
  const text = 'capacity:\n  source_queue: 7\nrepositories:\n  worker_runtime: bun\n'
  assert.equal(read(text).clientQueue, 7)
  const warnings: string[] = []
  const file = { path, ...readSettingsDocument(text, path) }
  warnOfFormerNames(settings, {}, file, { warn: (message) => warnings.push(message) })
  assert.equal(warnings.length, 2)
  assert.match(warnings.join('\n'), /:2: capacity\.source_queue is now called capacity\.client_queue/)
  assert.match(warnings.join('\n'), /:4: repositories\.worker_runtime: bun is now called .*: launcher/)
  const both = 'capacity:\n  source_queue: 7\n  client_queue: 7\n'
  assert.match(problemsOf(both).join(), /:3: capacity\.client_queue and capacity\.source_queue \(line 2\) are the same/)
})

test('every setting but the file itself has one place', () => {
  const all = settingGroups.flatMap((group) => Object.values(group.settings))
  const now = [...places.values()].filter(({ isFormer }) => !isFormer)
  assert.equal(now.length, all.length - 1)
  assert.equal(places.get('config'), undefined)
})

async function failureOf(named: string): Promise<ConfigError> {
  try {
    await readSettingsFile({ SLUICE_CONFIG: named })
  } catch (error) {
    if (error instanceof ConfigError) return error
  }
  throw new Error('should have failed')
}

test('a file that cannot be read is told in words, and is not waited for', async () => {
  await using folder = await temporaryFolder()
  const missing = await failureOf(join(folder.path, 'none.yaml'))
  assert.match(missing.message, /SLUICE_CONFIG names .*none\.yaml, which does not exist/)
  assert.equal(missing.mayHeal, true)
  assert.match((await failureOf(folder.path)).message, /which is a folder\. Name the file in it/)
  const pipe = join(folder.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  assert.match((await failureOf(pipe)).message, /which is no file/)
  const large = join(folder.path, 'large')
  await writeFile(large, '')
  await truncate(large, 100 * 2 ** 20)
  assert.match((await failureOf(large)).message, /which has 104857600 bytes, more than the 262144/)
  assert.equal(await readSettingsFile({ SLUICE_CONFIG: 'off' }), undefined)
})

test('the runtime directory of a file is known before the settings are read', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'sluice.yaml')
  await writeFile(file, 'repositories:\n  run_folder: /run/other\n')
  assert.equal(await earlyRunFolder({ SLUICE_CONFIG: file }), '/run/other')
  assert.equal(await earlyRunFolder({ SLUICE_CONFIG: file, SLUICE_RUN_FOLDER: '/run/own' }), '/run/own')
  await writeFile(file, ': : [')
  assert.equal(await earlyRunFolder({ SLUICE_CONFIG: file }), '/run/sluice')
  assert.equal(await earlyRunFolder({}), '/run/sluice')
})

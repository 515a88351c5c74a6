import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { readingChecksOfGateway } from '@sluice/gateway/start/start-checks'
import { readingChecksOfHost } from '@sluice/gitworker/start/start-checks'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { checkAll } from '@sluice/shared/config/start-checks'
import { silentLog } from '@sluice/shared/telemetry/log'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { freePort } from '@sluice/shared/testing/free-port'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { startStack } from '@sluice/shared/testing/stack'
import { checkCertificates } from '../../src/check/check-certificates.ts'
import type { Finding } from '../../src/check/findings/finding.ts'
import { call, documentOf } from '../support/call.ts'

async function check(env: NodeJS.ProcessEnv, argv: readonly string[] = []) {
  const { exitCode, document } = await documentOf(['check', ...argv], { env: { PATH: process.env['PATH'], ...env } })
  const { findings } = document as { findings: Finding[] }
  const about = (name: string) => findings.filter((finding) => finding.about === name)
  const errors = findings.filter(({ level }) => level === 'error').map(({ what }) => what)
  return { exitCode, findings, about, errors }
}

/** Settings with which both applications would start. */
function settingsIn(folder: string): Record<string, string> {
  return {
    SLUICE_ROOT: join(folder, 'repos'),
    SLUICE_RUN_FOLDER: join(folder, 'below/run'),
    SLUICE_SUPERVISOR: `unix:${join(folder, 'below/run/supervisor.sock')}`,
    SLUICE_LISTEN: '127.0.0.1:0',
    // No Bun is needed for what is tested here.
    SLUICE_WORKER_RUNTIME: 'node',
  }
}

test('what could start passes, and nothing is made', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'repos'))
  const { exitCode, errors, about } = await check(settingsIn(folder.path))
  assert.deepEqual([exitCode, errors], [0, []])
  assert.match(about('git')[0]!.what, /^git version \d/)
  assert.match(about('SLUICE_RUN_FOLDER')[0]!.what, /below\/run can be made/)
  assert.match(about('SLUICE_SUPERVISOR')[0]!.what, /supervisor\.sock can be made/)
  assert.deepEqual(await readdir(folder.path, { recursive: true }), ['repos'])
})

test('a cluster whose settings do not fit together is found before a start', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'repos'))
  const env = settingsIn(folder.path)
  const errorsWith = async (more: Record<string, string>, app: string) =>
    (await check({ ...env, ...more }, [app])).errors
  for (const app of ['supervisor', 'gateway']) {
    assert.deepEqual(await errorsWith({ SLUICE_ETCD: 'http://127.0.0.1:1' }, app), [
      'SLUICE_ETCD is set, and SLUICE_CLUSTER is off: set SLUICE_CLUSTER=etcd, or remove SLUICE_ETCD.',
    ])
    assert.deepEqual(await errorsWith({ SLUICE_CLUSTER: 'etcd' }, app), [
      'SLUICE_CLUSTER=etcd needs SLUICE_ETCD: the addresses of etcd’s members.',
    ])
  }
  const [error] = await errorsWith({ SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: 'http://127.0.0.1:1' }, 'supervisor')
  assert.match(error!, /supervisor\.sock is a unix socket\. Gateways need an address/)
})

test('whether a host could join its cluster is asked, and nothing is written', { skip: noEtcd }, async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'repos'))
  await using etcd = await startEtcd()
  const own = { SLUICE_SUPERVISOR: '127.0.0.1:9', SLUICE_HOST_NAME: 'host-1' }
  const env = { ...settingsIn(folder.path), ...etcd.env, ...own }
  assert.deepEqual((await check(env, ['supervisor'])).errors, [])
  assert.equal(await etcd.ctl('get', '--prefix', '/'), '')
  await etcd.ctl('put', '/sluice/format', JSON.stringify({ version: 1, slots: 4096, storage: 'own', copies: 1 }))
  const record = { address: '10.0.0.1:9', version: '1', weight: 100, zone: '', run: 'a', isLeaving: false }
  await etcd.ctl('put', '/sluice/hosts/host-1', JSON.stringify(record))
  const [taken] = (await check(env, ['supervisor'])).errors
  assert.match(taken!, /^SLUICE_HOST_NAME=host-1: a host of this name lives already, at 10\.0\.0\.1:9\./)
  assert.deepEqual((await check({ ...env, SLUICE_HOST_ADDRESS: '10.0.0.1:9' }, ['supervisor'])).errors, [])
  const [storage] = (await check({ ...env, SLUICE_STORAGE: 'shared' }, ['supervisor'])).errors
  assert.match(storage!, /^SLUICE_STORAGE=shared: this cluster was begun with SLUICE_STORAGE=own/)
})

test('one application can be looked at by itself', async () => {
  await using folder = await temporaryFolder()
  const env = settingsIn(folder.path)
  assert.deepEqual((await check(env, ['gateway'])).errors, [])
  assert.equal((await check(env, ['supervisor'])).exitCode, 1)
  const { exitCode, stderr } = await call(['check', 'gatway'])
  assert.equal(exitCode, 2)
  assert.match(stderr, /'gatway' is no application: it is one of gateway, supervisor/)
})

test('wrong settings are told with all that is wrong, and end with 78', async () => {
  const { exitCode, errors } = await check({ SLUICE_LISTEN: 'here', SLUICE_SPED: 'x' })
  assert.equal(exitCode, 78)
  assert.match(errors.join('\n'), /SLUICE_SPED is not a setting[^]*SLUICE_LISTEN takes host:port/)
})

test('whatever a start would find by reading is found, and more', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'key'), '')
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const env = {
    ...settingsIn(folder.path),
    SLUICE_LISTEN: `127.0.0.1:${(taken.address() as AddressInfo).port}`,
    SLUICE_GIT: 'no-such-git',
    SLUICE_ACCESS: 'file',
    SLUICE_HOOKS_FOLDER: join(folder.path, 'no-hooks'),
    SLUICE_TLS_CERTIFICATE: join(folder.path, 'no-certificate'),
    SLUICE_TLS_KEY: join(folder.path, 'key'),
    SLUICE_HOST_SECRET_FILE: join(folder.path, 'no-secret'),
    SLUICE_GNUPG_HOME: join(folder.path, 'no-gnupg'),
  }
  taken.on('connection', (socket) => socket.destroy())
  const { exitCode, errors } = await check(env)
  taken.close()
  const config = readConfig(settings, env)
  const start = checkAll([...readingChecksOfHost(config, silentLog), ...readingChecksOfGateway(config, silentLog)])
  const { problems } = (await start.catch((error: unknown) => error)) as ConfigError
  assert.ok(problems.length >= 6, problems.join('\n'))
  assert.deepEqual(
    problems.filter((problem) => !errors.includes(problem)),
    [],
  )
  assert.match(errors.join('\n'), /Another program listens on 127\.0\.0\.1/)
  assert.equal(exitCode, 78)
})

test('a running host and gateway of ours are no fault, and are left alone', async () => {
  await using stack = await startStack()
  const env = {
    ...settingsIn(stack.folder),
    SLUICE_RUN_FOLDER: join(stack.folder, 'run'),
    SLUICE_SUPERVISOR: `unix:${join(stack.folder, 'supervisor.sock')}`,
    SLUICE_LISTEN: stack.gateway.address,
    SLUICE_SUPERVISOR_OPERATIONS: stack.supervisor.operations,
  }
  const before = (await readdir(stack.folder)).toSorted()
  const { exitCode, errors, about } = await check(env)
  assert.deepEqual([exitCode, errors], [0, []])
  for (const setting of ['SLUICE_SUPERVISOR', 'SLUICE_LISTEN', 'SLUICE_SUPERVISOR_OPERATIONS'])
    assert.match(about(setting)[0]!.what, /^Sluice is running on /, setting)
  assert.match(about('SLUICE_RUN_FOLDER')[0]!.what, /the running supervisor is using it/)
  assert.deepEqual((await readdir(stack.folder)).toSorted(), before)
  assert.equal((await stack.status()).ready, true)
  const elsewhere = await check({ ...env, SLUICE_SUPERVISOR: `unix:${join(stack.folder, 'other.sock')}` }, [
    'supervisor',
  ])
  assert.match(elsewhere.errors.join(), /A supervisor with another address is using/)
})

test('a gateway alone says whether its host is there, and its services', async () => {
  await using folder = await temporaryFolder()
  const secret = join(folder.path, 'secret')
  await writeFile(secret, `${'s'.repeat(40)}\n`, { mode: 0o600 })
  const env = {
    ...settingsIn(folder.path),
    SLUICE_ACCESS: 'forward',
    SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/allowed',
  }
  const absent = await check(env, ['gateway'])
  assert.equal(absent.exitCode, 0)
  assert.match(absent.about('SLUICE_SUPERVISOR')[0]!.what, /No supervisor listens on unix:.* now/)
  assert.match(absent.about('SLUICE_ACCESS_SERVICE')[0]!.what, /Nobody listens on http:\/\/127\.0\.0\.1:/)

  const host = `127.0.0.1:${await freePort()}`
  await using _stack = await startStack({ SLUICE_SUPERVISOR: host, SLUICE_HOST_SECRET_FILE: secret })
  const strange = await check({ ...env, SLUICE_SUPERVISOR: host }, ['gateway'])
  assert.match(strange.about('SLUICE_SUPERVISOR')[0]!.what, /does not take this for one of its gateways/)
  assert.equal(strange.exitCode, 1)
  const known = await check({ ...env, SLUICE_SUPERVISOR: host, SLUICE_HOST_SECRET_FILE: secret }, ['gateway'])
  assert.match(known.about('SLUICE_SUPERVISOR')[0]!.what, /takes this gateway for one of its own/)
})

test('a settings file with a password that others may read is warned of', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'sluice.yaml')
  await writeFile(file, 'operators:\n  otlp_endpoint: http://me:hunter2@127.0.0.1:1\n', { mode: 0o644 })
  const argv = ['gateway', '--config', file]
  const { findings } = await check(settingsIn(folder.path), argv)
  assert.ok(
    findings.some(({ what }) => what.startsWith(`Every user of this machine may read ${file}, which has a pass`)),
  )
  assert.ok(!JSON.stringify(findings).includes('hunter2'))
  await chmod(file, 0o640)
  const { findings: others } = await check(settingsIn(folder.path), argv)
  assert.ok(!others.some(({ what }) => what.startsWith('Every user')))
})

test('odd rules are told: those that never decide, and users without a password', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'repos'))
  const passwords = join(folder.path, 'passwords')
  const rules = join(folder.path, 'rules.yaml')
  await writeFile(passwords, `ann:$2y$05$${'a'.repeat(53)}\n`, { mode: 0o604 })
  const list = [
    { repositories: 'team/**', read: 'users', write: '@team' },
    { repositories: ['team/web', 'team/*/x'], write: 'bob' },
    { repositories: '**', read: 'anyone' },
  ]
  await writeFile(rules, JSON.stringify({ groups: { team: ['ann', 'carl'] }, rules: list }))
  await chmod(passwords, 0o604)
  const env = {
    ...settingsIn(folder.path),
    SLUICE_ACCESS: 'file',
    SLUICE_PASSWORD_FILE: passwords,
    SLUICE_ACCESS_FILE: rules,
  }
  const { exitCode, about } = await check(env, ['gateway'])
  assert.equal(exitCode, 0)
  const said = about('SLUICE_ACCESS_FILE').map(({ what }) => what)
  assert.equal(said.length, 4)
  assert.equal(said[0], '3 rules, 1 users.')
  assert.match(
    said[1]!,
    /rules\.yaml:1: rule 2 \(team\/web, team\/\*\/x\) never decides: rule 1 in line 1 \(team\/\*\*\) fits all/,
  )
  assert.match(said.slice(2).join('\n'), /names the user "bob", whom[^]*names the user "carl", whom/)
  assert.match(about('SLUICE_PASSWORD_FILE')[0]!.what, /Every user of this machine may read/)
  assert.equal(about('SLUICE_PASSWORD_FILE')[0]!.todo, `chmod o= ${passwords}`)
})

test('the end of a certificate is told in time', { skip: noCertificates }, async () => {
  await using folder = await temporaryFolder()
  const { certificate } = newAuthority(folder.path)
  const day = 86_400_000
  const at = async (days: number) => (await checkCertificates('S', certificate, Date.now() + days * day))[0]!
  assert.match((await at(0)).what, /^The certificate for CN=Sluice test root in .* ends on \d{4}-\d\d-\d\d, in 1 day\./)
  assert.equal((await at(0)).level, 'warning')
  assert.equal((await at(-40)).level, 'error')
  assert.match((await at(3)).what, /is over since/)
  assert.equal((await at(3)).level, 'error')
})

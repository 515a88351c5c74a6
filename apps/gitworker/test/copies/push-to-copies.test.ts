import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { formatAddress } from '@sluice/shared/network/address'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { silentLog } from '@sluice/shared/telemetry/log'
import { freePort } from '@sluice/shared/testing/free-port'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { readSupervisorConfig } from '../../src/config/config.ts'
import { startSupervisor } from '../../src/start/start.ts'
import type { Supervisor } from '../../src/start/start.ts'

const keys = clusterKeys('/sluice/')
const store = new KeyStore()
const operator = new InProcessCoordinator(store)
const parts = new AsyncDisposableStack()
let folder: string
let work: string
const hosts = new Map<string, Supervisor>()

async function start(name: string): Promise<void> {
  const root = join(folder, name)
  await mkdir(root)
  const config = readSupervisorConfig({
    SLUICE_ROOT: root,
    SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}`,
    SLUICE_RUN_FOLDER: join(folder, `run-${name}`),
    SLUICE_CREATE_ON_PUSH: 'on',
    SLUICE_MIN_FREE_DISK: '0B',
    SLUICE_MAINTENANCE: 'off',
    SLUICE_WARM_WORKERS: '2',
    SLUICE_WORKER_START_TIMEOUT: '60s',
    SLUICE_CLUSTER: 'etcd',
    SLUICE_ETCD: 'http://127.0.0.1:1',
    SLUICE_HOST_NAME: name,
    SLUICE_COPY_TIMEOUT: '60s',
    SLUICE_LEASE: '1s',
  })
  hosts.set(name, parts.use(await startSupervisor(config, silentLog, new InProcessCoordinator(store))))
}

before(async () => {
  parts.use(operator)
  const temporary = parts.use(await temporaryFolder())
  folder = temporary.path
  await start('one')
  await start('two')
  work = join(folder, 'work')
  await git(folder, ['init', '--quiet', 'work'])
  await importHistory(work, 2)
})

after(() => parts.disposeAsync())

/** Makes `one` the primary of a repository, with a copy at `two`. @returns the repository's address */
async function place(repository: string): Promise<string> {
  const both = ['one', 'two']
  const value = writeSlotRecord({ primary: 'one', copies: both, inSync: both, next: undefined, term: undefined })
  const { revision } = await operator.swap([{ key: keys.slot(slotOf(repository)), expected: undefined, value }])
  const status = () => [...hosts.values()].map(({ cluster }) => cluster!.status.revision)
  await until('both hosts to know', () => status().every((known) => known >= revision))
  return `http://${formatAddress(hosts.get('one')!.address)}/${repository}`
}

const refsAt = (host: string, repository: string) =>
  git(join(folder, host, repository), ['for-each-ref', '--format=%(refname) %(objectname)'])

async function inSyncOf(repository: string): Promise<readonly string[]> {
  const key = keys.slot(slotOf(repository))
  const { entries } = await operator.read(key)
  return readSlotRecord(entries[0]!.value, entries[0]!.revision)!.inSync
}

test('a push that is acknowledged is at the copy: it creates, forces and deletes, for clients old and new', async () => {
  const url = await place('project.git')
  const pushes = [
    ['push', url, 'main'],
    ['push', url, 'main~1:refs/heads/topic', 'main:refs/tags/v1'],
    ['push', '--atomic', '--force', url, 'main:topic', 'main~1:refs/meta/config'],
    ['-c', 'protocol.version=0', 'push', url, ':refs/tags/v1'],
    ['push', '--force', url, 'main~1:main'],
  ]
  for (const args of pushes) {
    await git(work, args)
    assert.equal(await refsAt('two', 'project.git'), await refsAt('one', 'project.git'), args.join(' '))
    assert.deepEqual(await inSyncOf('project.git'), ['one', 'two'])
  }
  await git(join(folder, 'two/project.git'), ['fsck', '--strict'])
  const nothing = await tryGit(work, ['push', url, 'main~1:main'])
  assert.match(nothing.stderr, /Everything up-to-date/)
})

test('a read at the copy shows each push that was acknowledged', async () => {
  const url = await place('read.git')
  const copy = `http://${formatAddress(hosts.get('two')!.address)}/read.git`
  await git(work, ['push', url, 'main'])
  await until('a read lease', async () => (await tryGit(work, ['ls-remote', copy])).code === 0)
  for (const branch of ['a', 'b', 'c']) {
    await git(work, ['push', url, `main:${branch}`])
    assert.match(await git(work, ['ls-remote', copy]), new RegExp(`refs/heads/${branch}\n`))
  }
})

test('what a hook changes after the report reaches the copy before the push ends', async () => {
  const url = await place('hooked.git')
  await git(work, ['push', url, 'main'])
  const hook = join(folder, 'one/hooked.git/hooks/post-receive')
  await mkdir(join(hook, '..'), { recursive: true })
  await writeFile(hook, '#!/bin/sh\necho deploying >&2\ngit update-ref refs/deployed/main main\n')
  await chmod(hook, 0o755)
  const { stderr } = await tryGit(work, ['push', url, 'main:topic'])
  assert.match(stderr, /remote: deploying/)
  const atOne = await refsAt('one', 'hooked.git')
  assert.match(atOne, /refs\/deployed\/main/)
  await until('the copy to have it', async () => (await refsAt('two', 'hooked.git')) === atOne)
})

test('a copy that cannot take a push is taken out before the push is acknowledged', async () => {
  const url = await place('broken.git')
  await git(work, ['push', url, 'main'])
  await writeFile(join(folder, 'two/broken.git/packed-refs.lock'), '')
  await writeFile(join(folder, 'two/broken.git/refs/heads/main.lock'), '')
  await git(work, ['push', '--force', url, 'main~1:main'])
  assert.deepEqual(await inSyncOf('broken.git'), ['one'])
})

test('a push whose host is not the primary any more in the end is not acknowledged', async () => {
  const url = await place('moved.git')
  await git(work, ['push', url, 'main'])
  const key = keys.slot(slotOf('moved.git'))
  const hook = join(folder, 'one/moved.git/hooks/pre-receive')
  await mkdir(join(hook, '..'), { recursive: true })
  const [begun, go] = [join(folder, 'begun'), join(folder, 'go')]
  await writeFile(hook, `#!/bin/sh\ntouch ${begun}\nwhile ! [ -e ${go} ]; do sleep 0.05; done\n`)
  await chmod(hook, 0o755)
  const pushing = tryGit(work, ['push', url, 'main:topic'])
  await until('the hook to run', () => tryGit(folder, ['hash-object', begun]).then(({ code }) => code === 0))
  const both = ['one', 'two']
  const value = writeSlotRecord({ primary: 'two', copies: both, inSync: both, next: undefined, term: undefined })
  const { revision } = await operator.swap([{ key, expected: undefined, value }])
  await until('the host to know', () => hosts.get('one')!.cluster!.status.revision >= revision)
  await writeFile(go, '')
  const { code, stderr } = await pushing
  assert.notEqual(code, 0)
  assert.doesNotMatch(stderr, /\[new branch\]/)
  assert.doesNotMatch(await refsAt('two', 'moved.git'), /topic/)
})

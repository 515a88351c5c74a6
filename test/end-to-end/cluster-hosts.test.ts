import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { startApp, stopApp } from '@sluice/shared/testing/app'
import type { App } from '@sluice/shared/testing/app'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, importCommit, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { settingsIn } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/*
 * Hosts with a real etcd, asked directly: no gateway helps them.
 */

const keys = clusterKeys('/sluice/')

describe('hosts on one shared folder', { skip: noEtcd ?? false }, () => {
  let etcd: Etcd
  let coordinator: Coordinator
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let hosts: App[]
  let root: string
  let demo: string

  const settings = async (name: string): Promise<Record<string, string>> => ({
    ...settingsIn(folder.path),
    ...etcd.env,
    SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}`,
    SLUICE_HOST_NAME: name,
    SLUICE_STORAGE: 'shared',
    // A busy machine keeps it, and the tests wait for its end.
    SLUICE_LEASE: '4s',
    SLUICE_ROOT: root,
    SLUICE_RUN_FOLDER: join(folder.path, `${name}-run`),
  })

  before(async () => {
    folder = await temporaryFolder()
    root = join(folder.path, 'repos')
    demo = join(root, 'demo.git')
    await mkdir(root)
    await git(root, ['init', '--quiet', '--bare', 'demo.git'])
    etcd = await startEtcd()
    const config = { cluster: 'etcd', etcd: [etcd.members[0]!.endpoint], etcdPrefix: '/sluice/' } as const
    const none = { etcdUser: undefined, etcdPasswordFile: undefined }
    const plain = { etcdTlsCa: undefined, etcdTlsCertificate: undefined, etcdTlsKey: undefined }
    coordinator = await openCoordinator({ ...config, ...none, ...plain }, pino({ level: 'silent' }))
    hosts = await Promise.all(['host-1', 'host-2'].map(async (name) => startApp('supervisor', await settings(name))))
  })

  after(async () => {
    for (const host of hosts ?? []) host.signal('SIGCONT')
    await Promise.all((hosts ?? []).map((host) => stopApp(host)))
    await coordinator?.[Symbol.asyncDispose]()
    await etcd?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  async function slot(): Promise<SlotRecord> {
    return await until('a host to keep the repository', async () => {
      const { entries } = await coordinator.read(keys.slot(slotOf('demo')))
      const record = entries[0] && readSlotRecord(entries[0].value, entries[0].revision)
      return record?.primary !== undefined && record.next === undefined ? record : undefined
    })
  }

  /** The primary, the other host, and the term. */
  async function placed(): Promise<{ readonly primary: App; readonly other: App; readonly term: number }> {
    return await until('the primary to know that it is', async () => {
      const { primary: name, term } = await slot()
      const [primary, other] = name === 'host-1' ? hosts : hosts.toReversed()
      return (await asksFor(primary!, term)) === 200 && { primary: primary!, other: other!, term }
    })
  }

  const advertisement = '/demo.git/info/refs?service=git-receive-pack'

  async function asksFor(host: App, term: number): Promise<number> {
    return (await ask(host.address, advertisement, { headers: { 'sluice-term': String(term) } })).status
  }

  async function isLive(host: App): Promise<boolean> {
    const { body } = await ask(host.operations, '/-/cluster-host.json')
    return (JSON.parse(body) as { lease?: { isLive: boolean } }).lease?.isLive === true
  }

  async function clone(host: App, name: string): Promise<string> {
    const work = join(folder.path, name)
    await git(folder.path, ['clone', '--quiet', `http://${host.address}/demo.git`, name])
    return work
  }

  /** Pushes to whoever is the primary. It refuses while its lease is in doubt, as on a machine that stands still. */
  async function push(work: string, refspec: string): Promise<void> {
    await until('the primary to take a push', async () => {
      const { primary } = await placed()
      return (await tryGit(work, ['push', '--force', `http://${primary.address}/demo.git`, refspec])).code === 0
    })
  }

  async function commit(work: string, subject: string): Promise<string> {
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', subject])
    return await git(work, ['rev-parse', 'HEAD'])
  }

  test('a paused primary that wakes up after a takeover acknowledges nothing and accepts nothing', async () => {
    const first = importCommit({ ref: 'refs/heads/main', message: 'the first', file: 'a', content: 'a', time: 1 })
    await git(demo, ['fast-import', '--quiet', '--force'], { input: first })
    const { primary, other, term } = await placed()
    const [late, work] = [await clone(primary, 'late'), await clone(primary, 'other')]
    const lost = await commit(late, 'by the primary that is paused')
    // git has received the push, and is about to change the reference.
    const [inHook, go] = [join(folder.path, 'in-hook'), join(folder.path, 'go')]
    await writeHook(demo, 'update', `touch ${inHook}; while [ ! -e ${go} ]; do sleep 0.05; done`)
    const pushing = until('a push to get to its hook', async () => {
      const result = await tryGit(late, ['push', 'origin', 'HEAD:refs/heads/late'])
      return existsSync(inHook) && result
    })
    pushing.catch(() => {})
    await until('git to run its hook', () => existsSync(inHook))
    primary.signal('SIGSTOP')
    const takenOver = await until('another host to take over', async () => {
      const record = await slot()
      return record.term > term && (await asksFor(other, record.term)) === 200 && record
    })
    await writeFile(go, '')
    await until('git to be done with the push', async () => {
      const { stdout } = await tryGit(demo, ['rev-parse', '--quiet', '--verify', 'refs/heads/late'])
      return stdout.trim() === lost
    })
    // The new primary takes pushes, also to the same reference.
    const taken = await commit(work, 'by the new primary')
    await push(work, 'HEAD:refs/heads/late')
    primary.signal('SIGCONT')
    const { code, stdout, stderr } = await pushing
    assert.notEqual(code, 0, stderr)
    assert.doesNotMatch(stdout + stderr, /new branch|-> late/, 'it must not look as if it had been accepted')
    assert.equal(await git(demo, ['rev-parse', 'refs/heads/late']), taken)
    await primary.line(({ reason }) => reason === 'term_over')
    assert.ok(takenOver.term > term)
    await assertOneAccepts()
    await until('it is back', async () => await isLive(primary))
    const now = await placed()
    await git(late, ['fetch', '--quiet', `http://${now.primary.address}/demo.git`, 'refs/heads/late'])
    assert.equal(await git(late, ['rev-parse', 'FETCH_HEAD']), taken)
    await git(demo, ['fsck', '--full', '--strict'])
    assert.match(await git(demo, ['count-objects', '-v']), /^garbage: 0$/m)
  })

  /** The other host says in which way it does not. */
  async function assertOneAccepts(): Promise<void> {
    const { other } = await placed()
    const reply = await ask(other.address, advertisement)
    const { 'sluice-reason': reason, 'sluice-not-begun': notBegun } = reply.headers
    assert.deepEqual([reply.status === 421 ? reason : 'no_lease', notBegun], [reason, 'yes'])
  }

  test('while etcd is away, pushes stop by the clock of the host, reads go on, and all comes back by itself', async () => {
    await writeHook(demo, 'update', 'true')
    const { primary, term } = await placed()
    const work = await clone(primary, 'away')
    etcd.members[0]!.pause()
    await until('the lease to be in doubt', async () => (await asksFor(primary, term)) === 503)
    const { headers } = await ask(primary.address, advertisement)
    assert.deepEqual(
      [headers['sluice-reason'], headers['sluice-not-begun'], headers['retry-after']],
      ['no_lease', 'yes', '1'],
    )
    // With one folder for all, what it reads is what there is.
    await git(work, ['fetch', '--quiet', 'origin'])
    etcd.members[0]!.resume()
    await commit(work, 'after etcd was away')
    await push(work, 'HEAD:refs/heads/away')
  })

  test('a second host of a name does not start, and says who has it', async () => {
    const [one] = hosts as [App]
    const env = { ...(await settings('host-1')), SLUICE_RUN_FOLDER: join(folder.path, 'second-run') }
    const started = startApp('supervisor', env).then(stopApp)
    await assert.rejects(started, /ended with 1/)
    await until('the first one to be as before', () => isLive(one))
  })
})

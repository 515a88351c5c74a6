import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before as beforeAll, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { pathOf } from '../../src/lfs/storage/disk/object-paths.ts'
import { TwoHosts } from '../support/two-hosts.ts'

let hosts: TwoHosts
let work: string
let upstream: string
const parts = new AsyncDisposableStack()

beforeAll(async () => {
  hosts = parts.use(await TwoHosts.open({}))
  work = await hosts.makeWorkTree(2)
})

after(() => parts.disposeAsync())

async function done(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await hosts.administer('one', method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.body}`)
  const last = JSON.parse(answer.body.trim().split('\n').at(-1)!) as { result?: Record<string, unknown> }
  return last.result ?? last
}

test('what an operator does on the primary is at the copy when it is answered', async () => {
  const url = await hosts.place('team/tool.git')
  await done('POST', 'repositories', { name: 'team/tool', description: 'A tool', head: 'trunk' })
  await hosts.assertSame('team/tool.git', 'created')
  assert.match(JSON.stringify(await hosts.stateAt('two', 'team/tool.git')), /A tool/)
  await git(work, ['push', '--quiet', url, 'main:trunk', 'main'])
  await done('POST', 'repositories/team%2Ftool/head', { branch: 'main' })
  await hosts.assertSame('team/tool.git', 'HEAD')
  assert.match(JSON.stringify(await hosts.stateAt('two', 'team/tool.git')), /"head":"ref: refs\/heads\/main/)
  await done('POST', 'repositories/team%2Ftool/readonly', { on: true, message: 'It has moved.' })
  await hosts.assertSame('team/tool.git', 'read-only')
  await done('POST', 'repositories/team%2Ftool/readonly', { on: false })
  await done('POST', 'repositories/team%2Ftool/gc')
  await hosts.assertSame('team/tool.git', 'as it was')

  const object = Buffer.from('an object of LFS')
  const oid = hash('sha256', object)
  const sent = await fetch(`${url}/info/lfs/objects/${oid}`, { method: 'PUT', body: new Uint8Array(object) })
  assert.equal(sent.status, 200)
  const isAtCopy = (repository: string) => existsSync(pathOf(join(hosts.folder, 'two', repository), oid))

  await hosts.place('team/fork.git')
  await done('POST', 'repositories/team%2Ftool/fork', { to: 'team/fork' })
  await hosts.assertSame('team/fork.git', 'forked')
  assert.ok(isAtCopy('team/fork.git'))
  await hosts.assertSame('team/tool.git', 'the origin of a fork')
  await git(join(hosts.folder, 'two/team/fork.git'), ['fsck', '--strict'])
  await assert.rejects(readdir(join(hosts.folder, 'two/team/fork.git/objects/info/alternates')))
  await hosts.place('team/renamed.git')
  await done('POST', 'repositories/team%2Ffork/rename', { to: 'team/renamed' })
  await hosts.assertSame('team/renamed.git', 'renamed')
  assert.ok(isAtCopy('team/renamed.git'))
  await hosts.assertSame('team/fork.git', 'the old name')
  assert.equal(await hosts.stateAt('two', 'team/fork.git'), undefined)

  const { id } = await done('DELETE', 'repositories/team%2Frenamed')
  await hosts.assertSame('team/renamed.git', 'deleted')
  assert.ok((await readdir(join(hosts.folder, 'two/.sluice-trash.lock'))).includes(String(id)))
  await done('POST', `trash/${String(id)}/restore`, {})
  await hosts.assertSame('team/renamed.git', 'restored')
  assert.ok(await hosts.stateAt('two', 'team/renamed.git'))
  assert.ok(isAtCopy('team/renamed.git'))
})

test('a first push that is refused leaves nothing at the copy, and none of it in the trash', async () => {
  const url = await hosts.place('refused.git')
  const inTrash = await readdir(join(hosts.folder, 'two/.sluice-trash.lock')).catch(() => [])
  await git(work, ['tag', '--force', '-m', 'text', 'v1'])
  const bad = await git(work, ['hash-object', '-t', 'commit', '-w', '--literally', '--stdin'], { input: 'no commit\n' })
  await writeFile(join(work, '.git/refs/heads/bad'), `${bad}\n`)
  const { code, stderr } = await tryGit(work, ['push', url, 'bad'])
  assert.notEqual(code, 0, stderr)
  await until('it to be taken back', async () => (await hosts.stateAt('one', 'refused.git')) === undefined)
  await until('the copy to have none', async () => (await hosts.stateAt('two', 'refused.git')) === undefined)
  assert.deepEqual(await readdir(join(hosts.folder, 'two/.sluice-trash.lock')).catch(() => []), inTrash)
  assert.deepEqual(await hosts.inSyncOf('refused.git'), ['one', 'two'])
  await git(work, ['push', '--quiet', url, 'main'])
  await hosts.assertSame('refused.git', 'pushed in the end')
  await git(work, ['update-ref', '-d', 'refs/heads/bad'])
})

test('what a mirror brings is at the copy when its run is over', async () => {
  upstream = join(hosts.folder, 'upstream')
  await mkdir(upstream)
  await git(upstream, ['init', '--quiet', '--bare', 'source.git'])
  const source = join(upstream, 'source.git')
  await git(work, ['push', '--quiet', source, 'main'])
  const file = join(hosts.folder, 'mirrors.yaml')
  await writeFile(file, `mirrors:\n  - repository: mirrored\n    upstream: file://${source}\n    interval: 1h\n`)
  await using mirroring = await TwoHosts.open({ SLUICE_MIRRORS_FILE: file, SLUICE_MIRROR_LOCAL_FOLDER: upstream })
  await mirroring.place('mirrored.git')
  const run = async () => {
    const { status, body } = await mirroring.administer('one', 'POST', 'mirrors/mirrored/run')
    assert.equal(status, 200, body)
    await mirroring.assertSame('mirrored.git', 'after a run')
  }
  await run()
  await git(work, ['push', '--quiet', source, 'main:topic'])
  await git(source, ['symbolic-ref', 'HEAD', 'refs/heads/topic'])
  await run()
  assert.match(JSON.stringify(await mirroring.stateAt('two', 'mirrored.git')), /"head":"ref: refs\/heads\/topic/)
})

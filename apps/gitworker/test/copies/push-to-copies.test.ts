import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { until } from '@sluice/shared/testing/until'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

const both = { copies: ['one', 'two'], inSync: ['one', 'two'] }
let hosts: HostsInProcess
let work: string

before(async () => {
  // Long enough for a busy machine: no test here waits for the end of one.
  hosts = await openHostsInProcess({ SLUICE_LEASE: '5s' })
  await hosts.start('one')
  await hosts.start('two')
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 2)
})

after(() => hosts[Symbol.asyncDispose]())

/** Makes `one` the primary of a repository, with a copy at `two`. @returns the repository's address */
async function place(repository: string): Promise<string> {
  await hosts.place(repository, { ...both, primary: 'one' })
  return hosts.urlOf('one', repository)
}

const refsAt = (host: string, repository: string) => hosts.refsAt(host, repository)
const inSyncOf = (repository: string) => hosts.inSyncOf(repository)

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
  await git(join(hosts.folder, 'two/project.git'), ['fsck', '--strict'])
  const nothing = await tryGit(work, ['push', url, 'main~1:main'])
  assert.match(nothing.stderr, /Everything up-to-date/)
})

test('a read at the copy shows each push that was acknowledged', async () => {
  const url = await place('read.git')
  const copy = hosts.urlOf('two', 'read.git')
  // A read lease may be over for a moment on a busy machine. What is answered then shows it.
  const read = () =>
    until('a read', async () => {
      const { code, stdout } = await tryGit(work, ['ls-remote', copy])
      return code === 0 && stdout
    })
  await git(work, ['push', url, 'main'])
  await read()
  for (const branch of ['a', 'b', 'c']) {
    await git(work, ['push', url, `main:${branch}`])
    assert.match(`${await read()}\n`, new RegExp(`refs/heads/${branch}\n`))
  }
})

test('what a hook changes after the report reaches the copy before the push ends', async () => {
  const url = await place('hooked.git')
  await git(work, ['push', url, 'main'])
  const script = 'echo deploying >&2\ngit update-ref refs/deployed/main main'
  await writeHook(join(hosts.folder, 'one/hooked.git'), 'post-receive', script)
  const { stderr } = await tryGit(work, ['push', url, 'main:topic'])
  assert.match(stderr, /remote: deploying/)
  const atOne = await refsAt('one', 'hooked.git')
  assert.match(atOne, /refs\/deployed\/main/)
  await until('the copy to have it', async () => (await refsAt('two', 'hooked.git')) === atOne)
})

test('a copy that cannot take a push is taken out before the push is acknowledged', async () => {
  const url = await place('broken.git')
  await git(work, ['push', url, 'main'])
  await writeFile(join(hosts.folder, 'two/broken.git/packed-refs.lock'), '')
  await writeFile(join(hosts.folder, 'two/broken.git/refs/heads/main.lock'), '')
  await git(work, ['push', '--force', url, 'main~1:main'])
  assert.deepEqual(await inSyncOf('broken.git'), ['one'])
})

test('a push whose host is not the primary any more in the end is not acknowledged', async () => {
  const url = await place('moved.git')
  await git(work, ['push', url, 'main'])
  const [begun, go] = [join(hosts.folder, 'begun'), join(hosts.folder, 'go')]
  const script = `touch ${begun}\nwhile ! [ -e ${go} ]; do sleep 0.05; done`
  await writeHook(join(hosts.folder, 'one/moved.git'), 'pre-receive', script)
  const pushing = tryGit(work, ['push', url, 'main:topic'])
  await until('the hook to run', () => tryGit(hosts.folder, ['hash-object', begun]).then(({ code }) => code === 0))
  await hosts.place('moved.git', { ...both, primary: 'two' })
  await writeFile(go, '')
  const { code, stderr } = await pushing
  assert.notEqual(code, 0)
  assert.doesNotMatch(stderr, /\[new branch\]/)
  assert.doesNotMatch(await refsAt('two', 'moved.git'), /topic/)
})

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { git, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { openComparedPushes } from '../support/compared-pushes.ts'
import { emptyPack, none, rawPush } from '../support/raw-push.ts'

const run = promisify(execFile)
const compared = await openComparedPushes()
const { hosts, work, push, configure, hook } = compared
after(() => compared[Symbol.asyncDispose]())

/** The same for one of which git refuses something. */
async function pushInVain(repository: string, why: RegExp, ...args: string[]): Promise<void> {
  const { code, stderr } = await tryGit(work, ['push', ...args])
  assert.notEqual(code, 0)
  assert.match(stderr, why)
  await hosts.assertSame(repository, args.join(' '))
}

const refsAtTwo = async (repository: string) => JSON.stringify(await hosts.stateAt('two', repository))

test('a signed push: the copy is given its commands and its pack, and no certificate', async (t) => {
  const key = join(hosts.folder, 'key')
  const isThere = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).catch(() => undefined)
  if (!isThere) return t.skip('ssh-keygen is not installed')
  const signed = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${key}`, 'push', '--signed=true']
  const url = await hosts.place('signed.git')
  await push('signed.git', url, 'main~3:refs/heads/main')
  await configure('signed.git', 'receive.certNonceSeed', 'a seed')
  await configure('signed.git', 'receive.certNonceSlop', '600')
  await configure('signed.git', 'receive.advertisePushOptions', 'true')
  await push('signed.git', url, 'main~2:refs/heads/main')
  const pushes = [['main~1:main'], ['--push-option=x', '--atomic', 'main', 'main~1:refs/tags/v1'], [':refs/tags/v1']]
  for (const [at, args] of pushes.entries()) {
    const { code, stderr } = await tryGit(work, [...signed, url, ...args])
    assert.equal(code, 0, stderr)
    await hosts.assertSame('signed.git', args.join(' '))
    // The last one deletes.
    assert.equal(await hosts.lastWay(), at === 2 ? 'fetch' : 'receive-pack', args.join(' '))
  }
  const seen = join(hosts.folder, 'seen')
  const keeps = `echo "$GIT_PUSH_CERT_NONCE_STATUS" > ${seen}; git update-ref refs/certificates/1 "$GIT_PUSH_CERT"`
  await hook('signed.git', 'post-receive', keeps)
  const { code, stderr } = await tryGit(work, [...signed, url, 'main:topic'])
  assert.equal(code, 0, stderr)
  assert.equal(await readFile(seen, 'utf8'), 'OK\n')
  await until('the copy to have it', async () => (await refsAtTwo('signed.git')).includes('refs/certificates/1'))
  const kept = await git(join(hosts.folder, 'two/signed.git'), ['cat-file', 'blob', 'refs/certificates/1'])
  assert.match(kept, /^certificate version 0\.1\n[^]*\nnonce [^]*refs\/heads\/topic/)
})

test('annotated tags, an empty repository, and a first push without the branch that HEAD names', async () => {
  const url = await hosts.place('first.git')
  const { status, body } = await hosts.administer('one', 'POST', 'repositories', { name: 'first' })
  assert.ok(status < 300, body)
  await hosts.assertSame('first.git', 'empty')
  assert.match(await refsAtTwo('first.git'), /"refs":""/)
  await git(work, ['tag', '-a', '-m', 'text', 'annotated', 'main'])
  await push('first.git', url, 'annotated')
  await push('first.git', url, 'main:trunk')
  await push('first.git', '--force', url, 'main~1:refs/tags/annotated')
  await push('first.git', url, ':refs/tags/annotated')
  assert.doesNotMatch(await refsAtTwo('first.git'), /annotated/)
  await push('first.git', '--all', url)
})

test('the branch that HEAD names is deleted, if the repository allows it', async () => {
  const url = await hosts.place('headless.git')
  await push('headless.git', url, 'main', 'main:topic')
  await pushInVain('headless.git', /refusing to delete the current branch/, url, ':main', 'main~1:refs/heads/other')
  await configure('headless.git', 'receive.denyDeleteCurrent', 'ignore')
  await push('headless.git', url, ':main')
  assert.match(await refsAtTwo('headless.git'), /"head":"ref: refs.heads.main/)
  await push('headless.git', url, 'main~1:refs/heads/main')
})

test('a name becomes a folder of names, and back, in one push; one that is refused as a whole changes nothing', async () => {
  const url = await hosts.place('folders.git')
  await push('folders.git', url, 'main', 'main:a')
  // git checks the names of an atomic push before it removes any.
  await pushInVain('folders.git', /rejected/, '--atomic', url, ':a', 'main:a/b')
  await push('folders.git', url, ':a', 'main:a/b')
  await push('folders.git', url, ':a/b', 'main:a')
  await pushInVain('folders.git', /non-fast-forward/, '--atomic', url, 'main~1:main', 'main:refs/heads/other')
  await configure('folders.git', 'receive.denyDeletes', 'true')
  await push('folders.git', url, 'main:last')
  await pushInVain('folders.git', /deletion prohibited/, '--atomic', url, ':a', 'main:refs/heads/other')
  assert.doesNotMatch(await refsAtTwo('folders.git'), /other/)
})

test('a client that asks for no report is told nothing before the copy has the push', async () => {
  const url = await hosts.place('silent.git')
  await push('silent.git', url, 'main')
  const id = await git(work, ['rev-parse', 'main'])
  for (const features of ['', 'side-band-64k', 'atomic quiet']) {
    assert.doesNotMatch(await rawPush(url, `${none} ${id} refs/heads/new`, emptyPack, { features }), /ok/)
    await hosts.assertSame('silent.git', `created with ${features}`)
    assert.match(await refsAtTwo('silent.git'), /heads\/new/)
    await rawPush(url, `${id} ${none} refs/heads/new`, '', { features })
    await hosts.assertSame('silent.git', `deleted with ${features}`)
  }
})

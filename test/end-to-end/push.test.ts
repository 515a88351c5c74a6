import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, importCommit, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** What stock git can push, and what it shows when the repository refuses. */

let stack: Stack
let count = 0

before(async () => {
  stack = await startStack()
})
after(() => stack[Symbol.asyncDispose]())

/** A repository on the server with five commits, and a clone of it. */
async function repositoryAndClone(): Promise<{ bare: string; work: string }> {
  const name = `push-${++count}`
  const bare = join(stack.root, `${name}.git`)
  await git(stack.folder, ['init', '--quiet', '--bare', bare])
  await importHistory(bare, 5)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}.git`, name])
  return { bare, work: join(stack.folder, name) }
}

async function commit(work: string, message: string): Promise<string> {
  await writeFile(join(work, `${message}.txt`), `${message}\n`)
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', message])
  return git(work, ['rev-parse', 'HEAD'])
}

const tip = (bare: string, ref: string) => git(bare, ['rev-parse', '--verify', ref])

/** Nothing of a push may stay behind: no quarantine, no temporary pack, no lock. */
async function assertNothingLeft(bare: string): Promise<void> {
  const files = await readdir(bare, { recursive: true })
  assert.deepEqual(
    files.filter((file) => /tmp_|incoming-|\.lock$/.test(file)),
    [],
  )
}

for (const version of [0, 1, 2]) {
  describe(`protocol version ${version}`, () => {
    const config = ['-c', `protocol.version=${version}`]

    test('refs are created, updated and deleted, several at once, with tags', async () => {
      const { bare, work } = await repositoryAndClone()
      const id = await commit(work, 'new')
      await git(work, ['tag', '-a', 'v2', '-m', 'Version 2'])
      await git(work, [...config, 'push', '--quiet', 'origin', 'main', 'main:refs/heads/topic', 'v2'])
      assert.equal(await tip(bare, 'main'), id)
      assert.equal(await tip(bare, 'topic'), id)
      assert.equal(await tip(bare, 'v2^{}'), id)
      await git(work, [...config, 'push', '--quiet', 'origin', ':topic', ':v2'])
      assert.equal((await tryGit(bare, ['rev-parse', '--verify', '--quiet', 'topic'])).code, 1)
      await git(bare, ['fsck', '--full', '--strict'])
      await assertNothingLeft(bare)
    })

    test('a push that is not a fast-forward is refused in git’s own words, and works with force', async () => {
      const { bare, work } = await repositoryAndClone()
      await git(work, ['reset', '--quiet', '--hard', 'HEAD~2'])
      const id = await commit(work, 'other')
      const refused = await tryGit(work, [...config, 'push', 'origin', 'main'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /\[rejected\] +main -> main \(non-fast-forward\)/)
      await git(work, [...config, 'push', '--quiet', '--force', 'origin', 'main'])
      assert.equal(await tip(bare, 'main'), id)
    })

    test('a repository that denies force says so', async () => {
      const { bare, work } = await repositoryAndClone()
      await git(bare, ['config', 'receive.denyNonFastForwards', 'true'])
      await git(work, ['reset', '--quiet', '--hard', 'HEAD~2'])
      await commit(work, 'other')
      const refused = await tryGit(work, [...config, 'push', '--force', 'origin', 'main'])
      assert.match(refused.stderr, /remote: error: denying non-fast-forward refs\/heads\/main/)
      assert.match(refused.stderr, /\[remote rejected\] main -> main \(non-fast-forward\)/)
    })

    test('an atomic push with one refused ref changes none', async () => {
      const { bare, work } = await repositoryAndClone()
      const old = await tip(bare, 'main')
      await commit(work, 'new')
      await writeHook(bare, 'update', 'test "$1" != refs/heads/forbidden')
      const refused = await tryGit(work, [...config, 'push', '--atomic', 'origin', 'main', 'main:forbidden'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /atomic/)
      assert.equal(await tip(bare, 'main'), old)
    })

    test('push options reach the hooks of a repository that allows them', async () => {
      const { bare, work } = await repositoryAndClone()
      await commit(work, 'new')
      await writeHook(bare, 'pre-receive', 'echo "option: $GIT_PUSH_OPTION_0"')
      const denied = await tryGit(work, [...config, 'push', '-o', 'ci.skip', 'origin', 'main'])
      assert.match(denied.stderr, /the receiving end does not support push options/)
      await git(bare, ['config', 'receive.advertisePushOptions', 'true'])
      const { stderr } = await tryGit(work, [...config, 'push', '-o', 'ci.skip', 'origin', 'main'])
      assert.match(stderr, /remote: option: ci\.skip/)
    })

    test('the output of a hook is shown after remote:, and its refusal keeps the ref', async () => {
      const { bare, work } = await repositoryAndClone()
      const old = await tip(bare, 'main')
      await commit(work, 'new')
      await writeHook(bare, 'pre-receive', 'echo "The freeze is on until Monday." >&2; exit 1')
      const refused = await tryGit(work, [...config, 'push', 'origin', 'main'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /remote: The freeze is on until Monday\./)
      assert.match(refused.stderr, /\[remote rejected\] main -> main \(pre-receive hook declined\)/)
      assert.equal(await tip(bare, 'main'), old)
      await assertNothingLeft(bare)
    })
  })
}

test('a push that cannot be brought to the disk is not acknowledged', async () => {
  const { bare, work } = await repositoryAndClone()
  const id = await commit(work, 'new')
  // Behind git's back, the file that is waited for in the end cannot be made any more.
  const loop = 'ln -s sluice-synced "$GIT_DIR/sluice-synced"'
  await writeHook(
    bare,
    'reference-transaction',
    `[ "$1" != committed ] || [ ! -e "$GIT_DIR/refs/heads/to/disk" ] || { ${loop}; }`,
  )
  const { code, stderr } = await tryGit(work, ['push', 'origin', 'main:refs/heads/to/disk'])
  assert.notEqual(code, 0)
  assert.doesNotMatch(stderr, /new branch/)
  assert.equal(await readFile(join(bare, 'refs/heads/to/disk'), 'utf8'), `${id}\n`)
  await stack.supervisor.line((line) => line['reason'] === 'not_on_disk' && line['outcome'] === 'failed')
})

test('a push to a name that does not exist creates the repository', async () => {
  const { work } = await repositoryAndClone()
  await git(work, ['push', '--quiet', `${stack.url}/new/team/thing`, 'main'])
  const created = join(stack.root, 'new/team/thing.git')
  assert.equal(await tip(created, 'main'), await git(work, ['rev-parse', 'main']))
  assert.equal(await git(created, ['symbolic-ref', 'HEAD']), 'refs/heads/main')
  assert.deepEqual(await readdir(join(stack.root, 'new/team')), ['thing.git'])
})

test('the first push to a new name decides what a clone checks out', async () => {
  const { work } = await repositoryAndClone()
  await git(work, ['push', '--quiet', `${stack.url}/first.git`, 'main:refs/tags/only-a-tag'])
  assert.equal(await git(join(stack.root, 'first.git'), ['symbolic-ref', 'HEAD']), 'refs/heads/main')
  await git(work, ['push', '--quiet', `${stack.url}/first.git`, 'main:refs/heads/master'])
  assert.equal(await git(join(stack.root, 'first.git'), ['symbolic-ref', 'HEAD']), 'refs/heads/master')
  await git(work, ['push', '--quiet', `${stack.url}/first.git`, 'main:refs/heads/trunk'])
  assert.equal(await git(join(stack.root, 'first.git'), ['symbolic-ref', 'HEAD']), 'refs/heads/master', 'decided once')
})

test('many first pushes to one name at once create one repository', async () => {
  const { work } = await repositoryAndClone()
  const pushes = Array.from({ length: 6 }, (_, index) =>
    git(work, ['push', '--quiet', `${stack.url}/race.git`, `main:refs/heads/b${index}`]),
  )
  await Promise.all(pushes)
  assert.equal((await git(join(stack.root, 'race.git'), ['for-each-ref'])).split('\n').length, 6)
  assert.deepEqual(
    (await readdir(stack.root)).filter((name) => name.includes('.lock')),
    [],
  )
})

test('no repository is created inside another one, below a file, or by a fetch', async () => {
  const { bare, work } = await repositoryAndClone()
  const name = bare.slice(stack.root.length + 1)
  await writeFile(join(stack.root, 'a-file'), '')
  await writeFile(join(stack.root, 'b-file.git'), '')
  for (const path of [`${name}/inner.git`, `${name}/refs/heads/x`, 'a-file/x.git', 'b-file']) {
    const refused = await tryGit(work, ['push', `${stack.url}/${path}`, 'main'])
    assert.match(refused.stderr, /cannot be created (?:under this name|below a name that ends in "\.git")/, path)
  }
  const missing = await tryGit(work, ['fetch', `${stack.url}/not-there.git`])
  assert.match(missing.stderr, /not found/)
  assert.ok(!(await readdir(stack.root)).includes('not-there.git'))
})

test('hooks find the client, as from http-backend, and nothing of the supervisor’s environment', async () => {
  const { bare, work } = await repositoryAndClone()
  await commit(work, 'new')
  await writeHook(bare, 'post-receive', 'env')
  const { stderr } = await tryGit(work, ['push', 'origin', 'main'])
  assert.match(stderr, /remote: REMOTE_ADDR=127\.0\.0\.1/)
  assert.match(stderr, /remote: GIT_COMMITTER_EMAIL=anonymous@http\.127\.0\.0\.1/)
  assert.doesNotMatch(stderr, /SLUICE_|BUN_|NODE_/)
})

test('a push does not start a gc that outlives the request', async () => {
  const { bare, work } = await repositoryAndClone()
  const packs = async () => (await readdir(join(bare, 'objects/pack'))).filter((name) => name.endsWith('.pack')).length
  await git(bare, ['repack', '-dq'])
  await git(bare, ['fast-import', '--quiet'], {
    input: importCommit({ ref: 'refs/heads/x', message: 'X', file: 'x', content: 'x', time: 1_700_000_000 }),
  })
  await git(bare, ['repack', '-dq'])
  assert.equal(await packs(), 2)
  await git(bare, ['config', 'gc.autoPackLimit', '1'])
  await git(bare, ['config', 'gc.autoDetach', 'false'])
  await commit(work, 'new')
  await git(work, ['push', '--quiet', 'origin', 'main'])
  assert.equal(await packs(), 2)
})

test('a repository can switch its services off', async () => {
  const { bare, work } = await repositoryAndClone()
  await git(bare, ['config', 'http.receivepack', 'false'])
  assert.match((await tryGit(work, ['push', 'origin', 'main:x'])).stderr, /403/)
  await git(work, ['fetch', '--quiet'])
  await git(bare, ['config', 'http.uploadpack', 'false'])
  assert.match((await tryGit(work, ['fetch'])).stderr, /403/)
  await git(bare, ['config', 'http.uploadpack', 'true'])
  await git(work, ['fetch', '--quiet'])
})

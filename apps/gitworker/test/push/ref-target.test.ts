import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { commonDirOf } from '../../src/repository/repository.ts'
import { keepsRefsInFiles, namesInFiles } from '../../src/push/ref-target.ts'

async function repository() {
  const folder = await temporaryFolder()
  const gitDir = join(folder.path, 'r.git')
  await git(folder.path, ['init', '--quiet', '--bare', gitDir])
  const write = async (name: string, text: string) => {
    await mkdir(dirname(join(gitDir, name)), { recursive: true })
    await writeFile(join(gitDir, name), text)
  }
  const names = (ref: string) => namesInFiles(gitDir, gitDir, ref)
  return { gitDir, write, names, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

test('a symbolic reference has the names of all references that it leads to', async () => {
  await using at = await repository()
  await git(at.gitDir, ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main'])
  await git(at.gitDir, ['symbolic-ref', 'refs/heads/alias-of-alias', 'refs/heads/alias'])
  assert.deepEqual(at.names('refs/heads/alias-of-alias'), [
    'refs/heads/alias-of-alias',
    'refs/heads/alias',
    'refs/heads/main',
  ])
  assert.deepEqual(at.names('refs/heads/main'), ['refs/heads/main'])
})

test('every form that git takes for a symbolic reference is recognised', async () => {
  await using at = await repository()
  await at.write('refs/heads/spaced', 'ref:\n\t refs/heads/main  \n')
  await at.write('refs/heads/tight', 'ref:refs/heads/main')
  await at.write('refs/heads/to-head', 'ref: HEAD\n')
  await at.write('refs/heads/to-main-head', 'ref: main-worktree/HEAD\n')
  await symlink('refs/heads/main', join(at.gitDir, 'refs/heads/link'))
  await symlink('.', join(at.gitDir, 'refs/heads/folder'))
  for (const name of ['spaced', 'tight', 'to-head', 'to-main-head', 'link', 'folder/main', 'folder/folder/main']) {
    assert.ok(at.names(`refs/heads/${name}`).includes('refs/heads/main'), name)
  }
  // git agrees if the target need not exist.
  assert.equal(await git(at.gitDir, ['symbolic-ref', 'refs/heads/spaced']), 'refs/heads/main')
  assert.equal(await git(at.gitDir, ['symbolic-ref', 'refs/heads/link']), 'refs/heads/main')
  assert.equal(await git(at.gitDir, ['symbolic-ref', 'refs/heads/to-head']), 'refs/heads/main')
})

test('cycles, long files and names that lead out come to an end', async () => {
  await using at = await repository()
  await at.write('refs/heads/a', 'ref: refs/heads/b\n')
  await at.write('refs/heads/b', 'ref: refs/heads/a\n')
  await at.write('refs/heads/long', `ref: refs/heads/${'x'.repeat(100_000)}`)
  await at.write('refs/heads/out', 'ref: ../../etc/passwd\n')
  for (let step = 0; step < 40; step++) await at.write(`refs/heads/s${step}`, `ref: refs/heads/s${step + 1}\n`)
  assert.deepEqual(at.names('refs/heads/a'), ['refs/heads/a', 'refs/heads/b'])
  assert.ok(at.names('refs/heads/long')[1]!.length < 10_000)
  assert.deepEqual(at.names('refs/heads/out'), ['refs/heads/out', '../../etc/passwd'])
  assert.ok(at.names('refs/heads/s0').length < 20)
  assert.deepEqual(at.names('refs/heads/../../../etc/passwd'), ['refs/heads/../../../etc/passwd'])
  assert.deepEqual(at.names('refs/heads/a/below/a/file'), ['refs/heads/a/below/a/file'])
})

test('a linked work tree shares its branches and has a HEAD of its own', async () => {
  await using folder = await temporaryFolder()
  const work = join(folder.path, 'work')
  await git(folder.path, ['init', '--quiet', work])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
  await git(work, ['worktree', 'add', '--quiet', '-b', 'side', join(folder.path, 'linked')])
  await git(work, ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main'])
  await git(work, ['symbolic-ref', 'refs/heads/to-head', 'HEAD'])
  const gitDir = join(work, '.git/worktrees/linked')
  const commonDir = commonDirOf(gitDir)
  assert.equal(commonDir, join(work, '.git'))
  assert.deepEqual(namesInFiles(gitDir, commonDir, 'refs/heads/alias'), ['refs/heads/alias', 'refs/heads/main'])
  assert.ok(namesInFiles(gitDir, commonDir, 'refs/heads/to-head').includes('refs/heads/side'))
})

test('git is asked if the configuration may keep references elsewhere', async () => {
  await using at = await repository()
  assert.equal(keepsRefsInFiles(at.gitDir), true)
  await git(at.gitDir, ['config', 'extensions.refStorage', 'reftable'])
  assert.equal(keepsRefsInFiles(at.gitDir), false)
  await at.write('config', '[include]\n\tpath = other\n')
  assert.equal(keepsRefsInFiles(at.gitDir), false)
  await at.write('config', `${'# long\n'.repeat(2000)}[extensions]\n\trefStorage = reftable\n`)
  assert.equal(keepsRefsInFiles(at.gitDir), false)
})

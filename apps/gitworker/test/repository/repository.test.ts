import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { patienceMs } from '@sluice/shared/testing/patience'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { findRepository } from '../../src/repository/repository.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let root: string
before(async () => {
  folder = await temporaryFolder()
  root = join(await realpath(folder.path), 'root')
  await mkdir(root)
  for (const path of ['both.git', 'both', 'bare.git', '../outside.git']) await init(path, ['--bare'])
  await init('work', [])
})
after(() => folder[Symbol.asyncDispose]())

const init = (path: string, args: string[]) => git(folder.path, ['init', '--quiet', ...args, join(root, path)])
const found = (name: string) => findRepository(root, name)?.gitDir

test('a repository is found as git finds it, and the folder of this exact name comes first', async () => {
  assert.equal(found('bare.git'), join(root, 'bare.git'))
  assert.equal(found('bare'), join(root, 'bare.git'))
  assert.equal(found('both'), join(root, 'both'))
  assert.equal(found('work'), join(root, 'work/.git'))
  assert.equal(found('work/.git'), join(root, 'work/.git'))
})

test('a folder inside a repository, a plain folder, a file and a missing path are not repositories', async () => {
  await mkdir(join(root, 'plain/objects'), { recursive: true })
  await writeFile(join(root, 'file'), 'x'.repeat(100_000))
  for (const name of ['bare.git/objects', 'bare.git/config', 'plain', 'file', 'file/x', 'missing', 'x'.repeat(300)]) {
    assert.equal(found(name), undefined, name)
  }
})

test('a pipe in place of a file blocks nobody', async () => {
  const trap = join(root, 'trap')
  await mkdir(trap)
  await writeFile(join(trap, 'HEAD'), 'ref: refs/heads/main')
  spawnSync('mkfifo', [join(trap, 'commondir'), join(root, 'pipe')])
  // In a process of its own, because a wait for a writer could not be ended from within this one.
  const module = JSON.stringify(new URL('../../src/repository/repository.ts', import.meta.url).href)
  const script = `import { findRepository } from ${module}; for (const name of ['trap', 'pipe']) console.log(findRepository(${JSON.stringify(root)}, name))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: patienceMs })
  assert.equal(stdout.toString(), 'undefined\nundefined\n')
})

test('a link inside the root is followed, one that leaves it is not', async () => {
  await symlink(join(root, 'bare.git'), join(root, 'inside.git'))
  await symlink('../outside.git', join(root, 'leaves.git'))
  await symlink('..', join(root, 'up'))
  await symlink('loop', join(root, 'loop'))
  assert.equal(found('inside'), join(root, 'bare.git'))
  for (const name of ['leaves', 'leaves.git', 'up/outside.git', 'loop']) assert.equal(found(name), undefined, name)
})

test('a linked work tree is found through its .git file, unless that leads out of the root', async () => {
  await git(join(root, 'work'), ['commit', '--quiet', '--allow-empty', '-m', 'One'])
  await git(join(root, 'work'), ['worktree', 'add', '--quiet', join(root, 'linked')])
  assert.equal(found('linked'), join(root, 'work/.git/worktrees/linked'))
  await mkdir(join(root, 'astray'))
  await writeFile(join(root, 'astray/.git'), 'gitdir: ../../outside.git\n')
  assert.equal(found('astray'), undefined)
})

test('a repository whose HEAD is an unborn branch’s symbolic link is found', async () => {
  await init('old.git', ['--bare'])
  await git(folder.path, ['--git-dir', join(root, 'old.git'), 'config', 'core.preferSymlinkRefs', 'true'])
  await git(folder.path, ['--git-dir', join(root, 'old.git'), 'symbolic-ref', 'HEAD', 'refs/heads/unborn'])
  assert.equal(found('old'), join(root, 'old.git'))
})

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'

/** What `back-up.sh` and `compare-refs.sh` say of what they cannot do. The pages that use them are followed elsewhere. */

function run(script: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(fileURLToPath(new URL(`../${script}`, import.meta.url)), args, {
    encoding: 'utf8',
  })
  return { status, said: stdout + stderr }
}

async function makeRepository(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  await git(path, ['init', '--quiet', '--bare'])
  await importHistory(path, 2)
}

test('wrong arguments are told, and nothing is done', async () => {
  await using folder = await temporaryFolder()
  const missing = join(folder.path, 'missing')
  for (const script of ['back-up.sh', 'compare-refs.sh']) {
    assert.match(run(script, []).said, /^Usage: /)
    assert.deepEqual([run(script, []).status, run(script, [folder.path]).status], [2, 2])
    const { status, said } = run(script, [missing, folder.path])
    assert.equal(status, 2)
    assert.match(said, /missing is not a folder/)
  }
  const { status, said } = run('back-up.sh', [folder.path, missing])
  assert.equal(status, 2)
  assert.match(said, /make it first, so that a disk that is not mounted is noticed/)
})

test('a repository that is damaged is named, and the others are backed up and compared', async () => {
  await using folder = await temporaryFolder()
  const [root, backup] = [join(folder.path, 'root'), join(folder.path, 'backup')]
  for (const name of ['a', 'damaged', 'z']) await makeRepository(join(root, `${name}.git`))
  await makeRepository(join(root, '.trash.lock/one/repository'))
  await rm(join(root, 'damaged.git/objects'), { recursive: true })
  await mkdir(join(root, 'damaged.git/objects'))
  await mkdir(backup)
  await mkdir(join(root, 'z.git/lfs/objects/ab/cd'), { recursive: true })
  await writeFile(join(root, 'z.git/lfs/objects/ab/cd/abcd'), 'an object of LFS')
  await mkdir(join(root, 'a.git/lfs'))
  for (const name of ['locks.json', 's3.json']) await writeFile(join(root, 'a.git/lfs', name), name)
  const { status, said } = run('back-up.sh', [root, backup])
  assert.equal(status, 1)
  assert.equal(await readFile(join(backup, 'z.git/lfs/objects/ab/cd/abcd'), 'utf8'), 'an object of LFS')
  for (const name of ['locks.json', 's3.json']) {
    assert.equal(await readFile(join(backup, 'a.git/lfs', name), 'utf8'), name)
  }
  assert.match(said, /^not backed up: damaged.git$/m)
  assert.match(said, /^3 repositories, 1 not backed up\.$/m)
  for (const name of ['a', 'z']) await git(join(backup, `${name}.git`), ['fsck', '--strict'])

  await git(join(root, 'a.git'), ['update-ref', 'refs/heads/new', 'main'])
  const compared = run('compare-refs.sh', [root, `file://${backup}`])
  assert.equal(compared.status, 1)
  assert.match(compared.said, /^differs: a.git$/m)
  assert.match(compared.said, /^cannot be read: damaged.git: fatal: /m)
  assert.match(compared.said, /^3 repositories compared, 2 different\.$/m)
})

test('two backups to one place do not run at the same time', async () => {
  await using folder = await temporaryFolder()
  const [root, backup] = [join(folder.path, 'root'), join(folder.path, 'backup')]
  await makeRepository(join(root, 'a.git'))
  await mkdir(backup)
  await writeFile(join(backup, '.running'), '')
  const holder = spawn('flock', [join(backup, '.running'), 'sh', '-c', 'echo held; read -r _'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const { status, said } = run('back-up.sh', [root, backup])
  holder.stdin.end()
  await once(holder, 'exit')
  assert.equal(status, 1)
  assert.match(said, /Another backup to .*backup is running/)
  assert.equal(run('back-up.sh', [root, backup]).status, 0)
})

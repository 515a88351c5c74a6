import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { looseFolders, syncFolders, syncReferences } from '../../src/push/sync-references.ts'

const run = promisify(execFile)

test('each folder on the way to a reference is synced, and those that are gone are not missed', async () => {
  await using folder = await temporaryFolder()
  const repository = join(folder.path, 'grün.git')
  await git(folder.path, ['init', '--bare', repository])
  const refs = ['refs/heads/main', 'refs/heads/gone/branch', 'refs/tags/gr\xc3\xbcn/1', '../../outside', 'HEAD']
  await mkdir(join(repository, 'refs/tags/grün'))
  await syncFolders(repository, refs)
  // A folder that cannot be opened shows that it is looked for.
  for (const [name, ref] of [
    ['refs/heads/a', 'refs/heads/a/b/c'],
    ['refs/heads/é', 'refs/heads/\xc3\xa9/b'],
    ['reftable', 'refs/heads/main'],
  ] as const) {
    await symlink(join(repository, name), join(repository, name))
    await assert.rejects(syncFolders(repository, [ref]), { code: 'ELOOP' })
    if (name !== 'reftable') await syncFolders(repository, ['refs/heads/main', 'refs/heads/other/branch'])
  }
})

test('the folders in which objects have come lately are synced, and no others', async () => {
  await using folder = await temporaryFolder()
  await git(folder.path, ['init', '--bare', '--quiet', '.'])
  for (const name of ['ab', 'cd']) await mkdir(join(folder.path, 'objects', name))
  await utimes(join(folder.path, 'objects/cd'), 1, 1)
  assert.deepEqual(await looseFolders(folder.path), ['objects/ab'])
  await rm(join(folder.path, 'objects/pack'), { recursive: true })
  await syncFolders(folder.path, [])
  await symlink('pack', join(folder.path, 'objects/pack'))
  await assert.rejects(syncFolders(folder.path, []), { code: 'ELOOP' })
})

test('where the disk has no room for another file, the folders are synced', async (t) => {
  await using folder = await temporaryFolder()
  const isFull = await run('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=5', 'tmpfs', folder.path]).then(
    () => true,
    () => false,
  )
  if (!isFull) return t.skip('This user may not mount a tmpfs.')
  try {
    await mkdir(join(folder.path, 'refs/heads'), { recursive: true })
    const fill = async () => {
      for (let file = 0; ; file++) await writeFile(join(folder.path, `${file}`), '')
    }
    await assert.rejects(fill(), { code: 'ENOSPC' })
    await syncReferences(folder.path, ['refs/heads/main'])
  } finally {
    await run('umount', [folder.path])
  }
})

const syncMany = `
  import { syncFolders, syncReferences } from ${JSON.stringify(import.meta.resolve('../../src/push/sync-references.ts'))}
  const [repository, count] = process.argv.slice(1)
  await syncFolders(repository, Array.from({ length: Number(count) }, (_, number) => \`refs/heads/\${number}/topic\`))
`

test('a push of many references in folders of their own leaves open files for others', async () => {
  await using folder = await temporaryFolder()
  const repository = join(folder.path, 'many.git')
  await git(folder.path, ['init', '--bare', repository])
  const count = 300
  for (let number = 0; number < count; number++) await mkdir(join(repository, `refs/heads/${number}`))
  const node = [process.execPath, '--input-type=module', '--eval', syncMany, repository, String(count)]
  await run('sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', ...node])
})

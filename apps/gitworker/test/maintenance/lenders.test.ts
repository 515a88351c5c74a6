import assert from 'node:assert/strict'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { Trash } from '../../src/administration/trash/trash.ts'
import { Lenders } from '../../src/maintenance/lenders.ts'
import { asUser } from '../support/as-user.ts'

const hourMs = 60 * 60_000

test('while one repository does not say from whom it borrows, any other may be the lender', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  for (const name of ['lender.git', 'other.git', 'odd.git']) await git(root, ['init', '--quiet', '--bare', name])
  await git(root, ['clone', '--quiet', '--bare', '--shared', 'lender.git', 'fork.git'])
  const alternates = join(root, 'odd.git/objects/info/alternates')
  const unreadable: string[] = []
  const lenders = new Lenders(root, new Trash(root, undefined), (path) => unreadable.push(path))
  const lends = async (name: string, now: number) => await lenders.lends(join(root, name), now)

  await mkdir(alternates)
  assert.deepEqual([await lends('lender.git', 0), await lends('other.git', 1)], [true, true])
  assert.deepEqual(unreadable, [alternates], 'they are not looked through again at once')
  await rm(alternates, { recursive: true })
  await writeFile(alternates, '')
  const later = hourMs + 1
  assert.deepEqual([await lends('lender.git', later), await lends('other.git', later)], [true, false])
})

test('one that lends does so by whatever name', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  await git(root, ['init', '--quiet', '--bare', 'lender.git'])
  await git(root, ['clone', '--quiet', '--bare', '--shared', 'lender.git', 'fork.git'])
  const lenders = new Lenders(root, new Trash(root, undefined), assert.fail)
  assert.ok(await lenders.lends(join(root, 'lender.git'), 0))
  await rename(join(root, 'lender.git'), join(root, 'lends.git'))
  assert.ok(await lenders.lends(join(root, 'lends.git'), 1))
  assert.ok(!(await lenders.lends(join(root, 'fork.git'), 1)))
})

test('borrowers are found in folders that no request leads to, and where the lender is quoted as in C', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const lenders = ['plain.git', 'a"b\té.git', 'other.git']
  for (const name of lenders) await git(root, ['init', '--quiet', '--bare', name])
  await mkdir(join(root, '.hidden'))
  await git(root, ['clone', '--quiet', '--bare', '--shared', 'plain.git', '.hidden/fork.git'])
  await git(root, ['init', '--quiet', '--bare', 'quoted.git'])
  const alternates = join(root, 'quoted.git/objects/info/alternates')
  await writeFile(alternates, '"../../a\\"b\\t\\303\\251.git/objects"\n')
  assert.deepEqual(await lent(), [true, true, false])

  for (const text of ['"../../plain.git/objects', '"/a\\9"\n', '"/a" more\n', Buffer.from('/a\xff\n', 'latin1')]) {
    await writeFile(alternates, text)
    assert.deepEqual(await lent(), [true, true, true], `nobody knows what ${String(text)} means`)
  }
  await writeFile(alternates, '/a\n'.repeat(1000))
  assert.deepEqual(await lent(), [true, true, true], 'there may be more lines than are read')

  async function lent(): Promise<boolean[]> {
    const known = new Lenders(root, new Trash(root, undefined), () => {})
    return await Promise.all(lenders.map((name) => known.lends(join(root, name), 0)))
  }
})

test('while a folder cannot be read, any repository may be a lender, save for what fsck has found', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  await git(root, ['init', '--quiet', '--bare', 'lender.git'])
  for (const name of ['team', 'lost+found', '.private']) await mkdir(join(root, name))
  await chmod(root, 0o755)
  const unreadable: string[] = []
  const lends = async () => {
    const known = new Lenders(root, new Trash(root, undefined), (path) => unreadable.push(path))
    // Nothing keeps root from reading a folder.
    using _user = asUser()
    return await known.lends(join(root, 'lender.git'), 0)
  }

  await chmod(join(root, 'lost+found'), 0)
  assert.equal(await lends(), false)
  for (const name of ['team', '.private']) {
    await chmod(join(root, name), 0)
    assert.equal(await lends(), true)
    assert.deepEqual(new Set(unreadable.splice(0)), new Set([join(root, name)]))
    await chmod(join(root, name), 0o755)
  }
})

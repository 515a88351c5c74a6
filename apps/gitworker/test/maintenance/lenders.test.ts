import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { Lenders } from '../../src/maintenance/lenders.ts'

const hourMs = 60 * 60_000

async function* none() {}

test('while one repository does not say from whom it borrows, any other may be the lender', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  for (const name of ['lender.git', 'other.git', 'odd.git']) await git(root, ['init', '--quiet', '--bare', name])
  await git(root, ['clone', '--quiet', '--bare', '--shared', 'lender.git', 'fork.git'])
  const alternates = join(root, 'odd.git/objects/info/alternates')
  const unreadable: string[] = []
  const lenders = new Lenders(root, none, (gitDir) => unreadable.push(gitDir))
  const lends = async (name: string, now: number) => await lenders.lends(join(root, name), now)

  await mkdir(alternates)
  assert.deepEqual([await lends('lender.git', 0), await lends('other.git', 1)], [true, true])
  assert.deepEqual(unreadable, [join(root, 'odd.git')], 'they are not looked through again at once')
  await rm(alternates, { recursive: true })
  await writeFile(alternates, '')
  const later = hourMs + 1
  assert.deepEqual([await lends('lender.git', later), await lends('other.git', later)], [true, false])
})

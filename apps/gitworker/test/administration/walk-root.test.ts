import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { repositoriesBelow } from '../../src/administration/look/walk-root.ts'
import { findRepository } from '../../src/repository/repository.ts'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'

function makeBare(gitDir: string): void {
  for (const folder of ['objects', 'refs']) mkdirSync(join(gitDir, folder), { recursive: true })
  writeFileSync(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n')
}

async function walked(root: string): Promise<string[]> {
  return (await Array.fromAsync(repositoriesBelow(root))).map(({ name }) => name)
}

test('finds what a request finds, and nothing else', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'root')
  const outside = join(folder.path, 'outside.git')
  for (const path of [
    'b.git',
    'a/c',
    'a/d.git',
    'work/.git',
    'both',
    'both.git',
    'a.lock/x.git',
    '.sluice-trash.lock/i/repository',
  ]) {
    makeBare(join(root, path))
  }
  makeBare(outside)
  // Inside another repository; reached over links, one of which leads out and one in circles.
  makeBare(join(root, 'b.git/inner.git'))
  symlinkSync(outside, join(root, 'leads-out.git'))
  symlinkSync(join(root, 'a/d.git'), join(root, 'link.git'))
  symlinkSync(root, join(root, 'a/circle'))
  mkdirSync(join(root, 'empty/folder'), { recursive: true })
  writeFileSync(join(root, 'file.git'), '')
  assert.deepEqual(await walked(root), ['a/c', 'a/d', 'b', 'both', 'both.git', 'link', 'work'])
})

const seed = testSeed(1)

test(`each name that is listed leads to its repository, however odd it is (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  const pieces = [
    'a',
    'B',
    ' ',
    '.',
    '..',
    '.git',
    '-',
    '日本',
    'é',
    'é',
    '%2F',
    '"',
    "'",
    '*',
    '\\\\',
    '$(x)',
    '.lock',
    '~',
    '#',
    '?',
    '\\u2028',
    'x'.repeat(60),
  ]
  await using folder = await temporaryFolder()
  const made = new Set<string>()
  for (let index = 0; index < 150; index++) {
    const parts = Array.from({ length: 1 + random.below(3) }, () => {
      const part = Array.from({ length: 1 + random.below(4) }, () => random.pick(pieces)).join('')
      return part === '.' || part === '..' ? 'x' : part
    })
    const path = join(folder.path, ...parts)
    if ([...made].some((other) => path.startsWith(`${other}/`) || other.startsWith(`${path}/`))) continue
    makeBare(path)
    made.add(path)
  }
  const listed = await Array.fromAsync(repositoriesBelow(folder.path))
  for (const { name, gitDir } of listed) assert.equal(findRepository(folder.path, name)?.gitDir, gitDir, name)
  assert.equal(new Set(listed.map(({ name }) => name)).size, listed.length)
  assert.ok(listed.length > 20, `${listed.length}`)
  for (const { gitDir } of listed) assert.ok(made.has(gitDir) || made.has(dirname(gitDir)), gitDir)
})

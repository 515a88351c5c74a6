import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { RepositoryConfig } from '../../src/git/repository-config.ts'

const plain = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n'

async function repository(config: string | undefined = plain) {
  const folder = await temporaryFolder()
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  if (config !== undefined) write('config', config)
  return {
    gitDir: folder.path,
    path: (name: string) => join(folder.path, name),
    write,
    read: () => RepositoryConfig.read(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

type TestRepository = Awaited<ReturnType<typeof repository>>

test('a text that lacks a word does not set it, in upper or lower case', async () => {
  await using r = await repository(`${plain}[HTTP]\n\tReceivePack = false\n`)
  const config = r.read()
  assert.equal(config?.mentions(/receivepack/i), true)
  assert.equal(config?.mentions(/uploadpack/i), false)
})

test('the configuration of a work tree counts, too', async () => {
  await using r = await repository()
  const before = r.read()
  r.write('config.worktree', '[http]\n\tuploadpack = false\n')
  const after = r.read()
  assert.equal(after?.mentions(/uploadpack/i), true)
  assert.notEqual(after?.hash, before?.hash)
})

test('a repository without a configuration sets nothing', async () => {
  await using r = await repository()
  rmSync(r.path('config'))
  assert.equal(r.read()?.mentions(/./), false)
  assert.equal(r.read()?.refStorage, 'files')
})

test('the word include alone includes nothing', async () => {
  await using r = await repository(`${plain}[remote "includes"]\n\turl = https://example.org/include.git\n`)
  assert.ok(r.read())
})

const uncertain: Readonly<Record<string, (r: TestRepository) => void>> = {
  'an included file': (r) => r.write('config', `${plain}[include]\n\tpath = other\n`),
  'a file that is included on a condition': (r) => r.write('config', `${plain}[ IncludeIf "gitdir:/"]\n\tpath = x\n`),
  'an included file for a work tree': (r) => r.write('config.worktree', '[include] path = other\n'),
  'a linked work tree, whose own file git does not read': (r) => r.write('commondir', '../..\n'),
  'a folder in its place': (r) => {
    rmSync(r.path('config'))
    mkdirSync(r.path('config'))
  },
  'a pipe in its place': (r) => {
    rmSync(r.path('config'))
    assert.equal(spawnSync('mkfifo', [r.path('config')]).status, 0)
  },
  'a link that leads around in a circle': (r) => {
    rmSync(r.path('config'))
    symlinkSync('config', r.path('config'))
  },
  'a file that is too large': (r) => truncateSync(r.path('config'), 1024 * 1024 + 1),
}

for (const [what, change] of Object.entries(uncertain)) {
  test(`only git can read ${what}`, async () => {
    await using r = await repository()
    change(r)
    assert.equal(r.read(), undefined)
  })
}

import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import { followPage } from './followed-page.ts'
import { skipWithoutAny } from './programs.ts'

/** What the overview of moves tells clients to do. */

test(
  'addresses for SSH are rewritten, and large files are looked for at the old server',
  { skip: skipWithoutAny('git-lfs') },
  async () => {
    await using folder = await temporaryFolder()
    const page = await followPage('moving-over.md', folder.path, {})
    await page.follow('SSH')
    const env = { GIT_CONFIG_GLOBAL: join(page.home, '.gitconfig') }
    const args = ['ls-remote', '--get-url', 'git@git.example.org:team/app']
    assert.equal(await git(folder.path, args, { env }), 'https://git.example.org/team/app')

    await git(folder.path, ['init', '--quiet'])
    await git(folder.path, ['config', 'user.name', 'A User'])
    await git(folder.path, ['config', 'user.email', 'user@example.org'])
    await page.follow('LFS')
    const clone = join(folder.path, 'clone')
    await mkdir(clone)
    await git(folder.path, ['clone', '--quiet', folder.path, clone])
    assert.match(await git(clone, ['lfs', 'env']), /^Endpoint=https:\/\/old.example.org\/team\/app.git\/info\/lfs /m)
    page.hasBeenFollowed()
  },
)

test('what goes wrong looks as the page says, and its remedies help', async () => {
  await using stack = await startStack()
  const { root, folder } = stack
  const make = async (path: string) => {
    await mkdir(path, { recursive: true })
    await git(path, ['init', '--quiet', '--bare'])
    await importHistory(path, 1)
  }
  const status = async (name: string) =>
    (await ask(stack.gateway.address, `/${name}/info/refs?service=git-upload-pack`)).status
  for (const name of ['app', 'base', '-odd', 'app.git/inner']) await make(join(root, `${name}.git`))
  await make(join(folder, 'outside.git'))
  await symlink(join(folder, 'outside.git'), join(root, 'outside.git'))
  assert.equal(await status('-odd'), 400)
  assert.equal(await status('outside'), 404)
  assert.equal(await status('app/inner'), 404)
  assert.equal(await status('App'), 404)

  assert.equal(await status('old'), 404)
  await symlink('app.git', join(root, 'old.git'))
  assert.equal(await status('old'), 200)

  await git(root, ['clone', '--quiet', '--bare', '--shared', join(root, 'base.git'), 'fork.git'])
  const alternates = join(root, 'fork.git/objects/info/alternates')
  await writeFile(alternates, '/where/it/was/base.git/objects\n')
  const { stderr } = await tryGit(folder, ['clone', `${stack.url}/fork`, 'broken'])
  assert.match(stderr, /upload-pack: not our ref/)
  await stack.supervisor.line(({ said }) => /unable to normalize alternate object path/.test(String(said)))
  await writeFile(alternates, '../../base.git/objects\n')
  await git(folder, ['clone', '--quiet', `${stack.url}/fork`, 'fork'])
})

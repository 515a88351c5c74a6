import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
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

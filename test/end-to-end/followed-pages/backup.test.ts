import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { followPage } from './followed-page.ts'
import { skipWithoutAny } from './programs.ts'

/** Backups are made and restored as the page says, while pushes run. */

const names = ['team/app', 'team/my tools', 'sha256', 'with-files/.git']

test(
  'what was pushed before a backup is in it, with everything around it, and comes back',
  { skip: skipWithoutAny('rsync') },
  async () => {
    await using folder = await temporaryFolder()
    await using stack = await startStack()
    const heads = await fill(stack.root)
    const etc = join(folder.path, 'etc')
    await mkdir(join(etc, 'sluice'), { recursive: true })
    await writeFile(join(etc, 'sluice/access.yaml'), 'rules: []\n')
    const user = `${process.getuid!()}`
    const page = await followPage('backup.md', folder.path, {
      '/srv/git': stack.root,
      '/var/backups': join(folder.path, 'backups'),
      '-C /etc ': `-C ${etc} `,
      'sluice:sluice': user,
      '-o sluice -g sluice': `-o ${user}`,
    })
    const before = new Map<string, string>()
    {
      await using pushers = await keepPushing(stack, folder.path)
      await until('pushes to all', () => names.every((name) => (pushers.pushed.get(name) ?? 0) > 2))
      assert.match(await page.follow('Back up'), /4 repositories, 0 not backed up/)
      // Again, for what is new.
      for (const [name, commit] of pushers.last) before.set(name, commit)
      assert.match(await page.follow('Back up'), /4 repositories, 0 not backed up/)
    }
    await rename(stack.root, `${stack.root}.lost`)
    await mkdir(stack.root)
    await rm(join(etc, 'sluice'), { recursive: true })
    await page.follow('Restore')

    assert.equal(await readFile(join(etc, 'sluice/access.yaml'), 'utf8'), 'rules: []\n')
    for (const name of names) {
      const gitDir = folderOf(stack.root, name)
      await git(gitDir, ['merge-base', '--is-ancestor', before.get(name)!, 'main'])
      assert.equal(await git(gitDir, ['rev-parse', 'refs/secret/one']), heads.get(name))
      assert.equal(await git(gitDir, ['symbolic-ref', 'HEAD']), 'refs/heads/other')
      assert.equal(await git(gitDir, ['config', 'team.owner']), 'ann')
      assert.match(await readFile(join(gitDir, 'hooks/post-receive'), 'utf8'), /exit 0/)
      await git(folder.path, [
        'clone',
        '--quiet',
        `${stack.url}/${encodeURI(name)}`,
        join(folder.path, `restored/${name}`),
      ])
    }

    const holder = spawn('sleep', ['600'], { cwd: join(stack.root, 'team/app.git') })
    try {
      await once(holder, 'spawn')
      assert.match(await page.follow('A lock that stays'), new RegExp(`^${holder.pid}$`, 'm'))
    } finally {
      holder.kill('SIGKILL')
    }
    page.hasBeenFollowed()
  },
)

const folderOf = (root: string, name: string) => join(root, name.endsWith('.git') ? name : `${name}.git`)

/** @returns the commit of main in each */
async function fill(root: string): Promise<Map<string, string>> {
  const heads = new Map<string, string>()
  for (const name of names) {
    const gitDir = folderOf(root, name)
    const hasFiles = name.endsWith('/.git')
    const place = hasFiles ? dirname(gitDir) : gitDir
    await mkdir(place, { recursive: true })
    const format = name === 'sha256' ? 'sha256' : 'sha1'
    await git(place, ['init', '--quiet', ...(hasFiles ? [] : ['--bare']), `--object-format=${format}`])
    await importHistory(gitDir, 3)
    heads.set(name, await git(gitDir, ['rev-parse', 'main']))
    await git(gitDir, ['update-ref', 'refs/secret/one', 'main'])
    await git(gitDir, ['update-ref', 'refs/heads/other', 'main'])
    await git(gitDir, ['symbolic-ref', 'HEAD', 'refs/heads/other'])
    await git(gitDir, ['config', 'transfer.hideRefs', 'refs/secret'])
    await git(gitDir, ['config', 'team.owner', 'ann'])
    await writeHook(gitDir, 'post-receive', 'exit 0')
  }
  return heads
}

/** Pushes to all repositories without a pause, until disposed of. `last` has each one's newest commit that was taken. */
async function keepPushing(stack: Stack, folder: string) {
  const pushed = new Map<string, number>()
  const newest = new Map<string, string>()
  const over = new AbortController()
  const push = async (name: string) => {
    const work = join(folder, `work/${name}`)
    await git(folder, ['clone', '--quiet', '--branch', 'main', `${stack.url}/${encodeURI(name)}`, work])
    while (!over.signal.aborted) {
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Another one'])
      await git(work, ['push', '--quiet', 'origin', 'main'])
      newest.set(name, await git(work, ['rev-parse', 'HEAD']))
      pushed.set(name, (pushed.get(name) ?? 0) + 1)
    }
  }
  const all = Promise.all(names.map(push))
  return {
    pushed,
    last: newest,
    async [Symbol.asyncDispose]() {
      over.abort()
      await all
    },
  }
}

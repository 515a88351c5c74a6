import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import { followPage } from './followed-page.ts'
import { readsAs, withLogin } from './log-in.ts'
import { skipWithoutAny } from './programs.ts'

/** A folder that is laid out as Soft Serve's is, with its hooks and its database, moves over as the page says, and back. */

test(
  'Soft Serve: what was there is served with the same rights, and what is pushed comes back',
  { skip: skipWithoutAny('sqlite3', 'rsync', 'openssl') },
  async () => {
    await using folder = await temporaryFolder()
    const theirs = join(folder.path, 'soft-serve')
    await makeSoftServe(theirs)
    await using stack = await startStack()
    const etc = join(folder.path, 'etc')
    await mkdir(etc)
    const user = `${process.getuid!()}`
    const page = await followPage('moving/soft-serve.md', folder.path, {
      '/var/lib/soft-serve': theirs,
      '/srv/git': stack.root,
      '/etc/sluice': etc,
      '/root/': `${folder.path}/`,
      'http://127.0.0.1:8080': stack.url,
      'sluice:sluice': user,
      'root:sluice': user,
      'soft-serve:soft-serve': user,
    })

    const found = await page.follow('1. Look')
    assert.match(found, /^Team\/App\|0\|0$/m)
    assert.match(found, /^anon_access\|read-only$/m)
    assert.match(found, /App.git\/hooks\/post-receive.d\/ours/)
    await page.follow('2. Copy')
    const clone = join(folder.path, 'clone')
    await git(folder.path, ['clone', '--quiet', `${stack.url}/Team/App`, clone])
    await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Pushed'])
    const early = await tryGit(clone, ['push', 'origin', 'HEAD:refs/heads/early'])
    assert.match(early.stderr, /remote: hint: The pre-receive hook of this repository was written by Soft Serve/)
    await page.follow("3. Remove Soft Serve's hooks from the copy")
    assert.match(
      await page.follow('4. Start for this machine only, and compare'),
      /3 repositories compared, 0 different/,
    )
    await page.follow('5. Users and rights')
    assert.match(await page.follow('6. Switch'), /3 repositories compared, 0 different/)

    const supervisor = parseEnv(await readFile(join(etc, 'supervisor.env'), 'utf8')) as Record<string, string>
    const gateway = parseEnv(await readFile(join(etc, 'gateway.env'), 'utf8')) as Record<string, string>
    await using moved = await startStack({ SLUICE_ROOT: stack.root, ...supervisor, ...gateway })
    const lines = (await readFile(join(folder.path, 'sluice-passwords'), 'utf8')).trim().split('\n')
    const passwords = new Map(lines.map((line) => line.split(' ') as [string, string]))
    const [admin, ben, eve] = ['admin', 'ben', 'eve'].map((name) => withLogin(moved.url, name, passwords.get(name)!))
    const pushes = async (url: string, name: string) =>
      (await tryGit(clone, ['push', '--quiet', `${url}/${name}`, 'HEAD'])).code === 0
    assert.ok(await readsAs(moved.url, 'Team/App'))
    assert.ok(!(await pushes(moved.url, 'Team/App')))
    assert.ok(!(await pushes(eve!, 'Team/App')))
    assert.ok(await pushes(ben!, 'Team/App'))
    assert.equal(await readFile(join(stack.root, 'Team/App.git/pushed'), 'utf8'), 'ben\n')
    for (const [url, mayRead] of [
      [moved.url, false],
      [ben!, false],
      [eve!, true],
      [admin!, true],
    ] as const) {
      assert.equal(await readsAs(url, 'secret.git'), mayRead)
    }
    assert.ok(!(await pushes(admin!, 'mirrored')))
    assert.ok(await pushes(eve!, 'new/one'))

    await page.follow('Way back')
    const back = join(theirs, 'repos/Team/App.git')
    assert.equal(await git(back, ['rev-parse', 'main']), await git(clone, ['rev-parse', 'HEAD']))
    assert.match((await tryGit(clone, ['push', back, 'HEAD:x'])).stderr, /pre-receive hook declined/)
    assert.deepEqual(await page.services(), [
      'start sluice-supervisor sluice-gateway',
      'stop soft-serve',
      'restart sluice-supervisor sluice-gateway',
      'stop sluice-gateway sluice-supervisor',
      'start soft-serve',
    ])
    page.hasBeenFollowed()
  },
)

async function makeSoftServe(home: string): Promise<void> {
  for (const name of ['Team/App', 'secret', 'mirrored']) {
    const gitDir = join(home, `repos/${name}.git`)
    await mkdir(gitDir, { recursive: true })
    await git(gitDir, ['init', '--quiet', '--bare'])
    await importHistory(gitDir, 2)
    await addHooks(gitDir)
  }
  await writeHook(join(home, 'repos/Team/App.git'), 'ours', 'echo "$REMOTE_USER" >pushed', 'hooks/post-receive.d')
  execFileSync('sqlite3', [join(home, 'soft-serve.db')], { input: database })
}

/** As Soft Serve's do: a script that runs all that is in a folder, where one calls Soft Serve, which is not there. */
async function addHooks(gitDir: string): Promise<void> {
  for (const name of ['pre-receive', 'update', 'post-receive', 'post-update']) {
    const runs = `input=$(cat)\nfor hook in hooks/${name}.d/*; do echo "$input" | "$hook" "$@" || exit; done`
    const marked = (script: string) => `#!/usr/bin/env bash\n# AUTO GENERATED BY SOFT SERVE, DO NOT MODIFY\n${script}\n`
    await writeHook(gitDir, name, marked(runs))
    await writeHook(gitDir, 'soft-serve', marked(`"$SOFT_SERVE_BIN_PATH" hook ${name}`), `hooks/${name}.d`)
  }
}

/** The tables and columns that the page's queries use. */
const database = `
  CREATE TABLE settings (id INTEGER PRIMARY KEY, key TEXT, value TEXT);
  CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, admin BOOLEAN);
  CREATE TABLE repos (id INTEGER PRIMARY KEY, name TEXT, private BOOLEAN, mirror BOOLEAN, hidden BOOLEAN, user_id INTEGER);
  CREATE TABLE collabs (id INTEGER PRIMARY KEY, user_id INTEGER, repo_id INTEGER, access_level INTEGER);
  CREATE TABLE lfs_objects (id INTEGER PRIMARY KEY, oid TEXT, size INTEGER, repo_id INTEGER);
  INSERT INTO settings VALUES (1, 'allow_keyless', 'true'), (2, 'anon_access', 'read-only');
  INSERT INTO users VALUES (1, 'admin', 1), (2, 'ben', 0), (3, 'eve', 0);
  INSERT INTO repos VALUES (1, 'Team/App', 0, 0, 0, 2), (2, 'secret', 1, 0, 1, 1), (3, 'mirrored', 0, 1, 0, 1);
  INSERT INTO collabs VALUES (1, 3, 2, 1);
`

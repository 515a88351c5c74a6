import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { hash } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import { startBalancer } from '../../../deploy/test/balancer.ts'
import { followPage } from './followed-page.ts'
import { readsAs, withLogin } from './log-in.ts'
import { skipWithoutAny } from './programs.ts'

/** A folder that is laid out as Gitea's is, with its hooks and its database, moves over as the page says, and back. */

test(
  'Gitea: what was there is served with the same rights and names, and what is pushed comes back',
  { skip: skipWithoutAny('sqlite3', 'rsync', 'openssl') },
  async () => {
    await using folder = await temporaryFolder()
    const theirs = join(folder.path, 'gitea')
    await makeGitea(theirs)
    await using stack = await startStack()
    const etc = join(folder.path, 'etc')
    await mkdir(etc)
    const user = `${process.getuid!()}`
    const page = await followPage('moving/gitea.md', folder.path, {
      '/var/lib/gitea': theirs,
      '/srv/git': stack.root,
      '/etc/sluice': etc,
      '/root/': `${folder.path}/`,
      'http://127.0.0.1:8080': stack.url,
      'sluice:sluice': user,
      'root:sluice': user,
      'git:git': user,
    })

    const found = await page.follow('1. Look')
    assert.match(found, /^5$/m)
    assert.match(found, /app.git\/hooks\/post-receive.d\/ours/)
    assert.match(found, /^Team\|App$/m)
    assert.match(found, /^Ben$/m)
    await page.follow('2. Copy')
    const clone = join(folder.path, 'clone')
    await git(folder.path, ['clone', '--quiet', `${stack.url}/team/app`, clone])
    await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Pushed'])
    const early = await tryGit(clone, ['push'])
    assert.match(early.stderr, /remote: hint: The pre-receive hook of this repository was written by Gitea/)
    await page.follow("3. Remove Gitea's hooks from the copy")
    assert.match(
      await page.follow('4. Start for this machine only, and compare'),
      /5 repositories compared, 0 different/,
    )
    await page.follow('5. Users and rights')
    await importHistory(join(theirs, 'data/gitea-repositories/ann/dots.git'), 3)
    assert.match(await page.follow('6. Switch'), /5 repositories compared, 0 different/)

    const supervisor = parseEnv(await readFile(join(etc, 'supervisor.env'), 'utf8')) as Record<string, string>
    const gateway = parseEnv(await readFile(join(etc, 'gateway.env'), 'utf8')) as Record<string, string>
    await using moved = await startStack({ SLUICE_ROOT: stack.root, ...supervisor, ...gateway })
    const [, password] = (await readFile(join(folder.path, 'sluice-passwords'), 'utf8')).trim().split(' ')
    const [ann, ben, eve] = [
      withLogin(moved.url, 'ann', 'ann’s'),
      withLogin(moved.url, 'Ben', password!),
      withLogin(moved.url, 'eve', 'eve’s'),
    ]
    // Private, of an organization: its teams, by every name that it has had.
    for (const name of [
      'team/app',
      'Team/App.git',
      'team/App',
      'team/app.wiki',
      'Team/App.wiki.git',
      'old/app',
      'ann/app',
    ]) {
      assert.ok(await readsAs(ben, name), name)
      assert.ok(!(await readsAs(eve, name)), name)
      assert.ok(!(await readsAs(moved.url, name)), name)
    }
    // Public and archived.
    assert.ok(await readsAs(moved.url, 'ann/dots'))
    assert.match((await tryGit(clone, ['push', `${ann}/ann/dots`, 'HEAD'])).stderr, /but not push to it/)
    // Private, with a reader.
    assert.ok(await readsAs(eve, 'ann/notes'))
    assert.match((await tryGit(clone, ['push', `${eve}/ann/notes`, 'HEAD:x'])).stderr, /but not push to it/)
    await git(clone, ['push', '--quiet', `${ann}/ann/notes`, 'HEAD:x'])
    // Hooks of its own run, and protected branches are protected.
    await git(clone, ['push', '--quiet', `${ben}/Team/App.git`, 'HEAD'])
    assert.equal(await readFile(join(stack.root, 'team/app.git/pushed'), 'utf8'), 'Ben\n')
    const forced = await tryGit(clone, ['push', '--force', `${ben}/team/app.git`, 'HEAD~2:main'])
    assert.match(forced.stderr, /non-fast-forward/)
    const pull = await tryGit(clone, ['push', `${ben}/team/app.git`, 'HEAD:refs/pull/1/head'])
    assert.match(pull.stderr, /refs\/pull\/1\/head is protected/)

    await page.follow('Way back')
    const back = join(theirs, 'data/gitea-repositories/team/app.git')
    assert.equal(await git(back, ['rev-parse', 'main']), await git(clone, ['rev-parse', 'HEAD']))
    assert.match((await tryGit(clone, ['push', back, 'HEAD:x'])).stderr, /pre-receive hook declined/)
    assert.deepEqual(await page.services(), [
      'start sluice-supervisor sluice-gateway',
      'stop gitea',
      'restart sluice-supervisor sluice-gateway',
      'stop sluice-gateway sluice-supervisor',
      'start gitea',
    ])
    page.hasBeenFollowed()
  },
)

test('names with capitals are lowered by HAProxy', { skip: skipWithoutAny('haproxy') }, async () => {
  await using stack = await startStack()
  await git(stack.root, ['init', '--quiet', '--bare', 'team/app.git'])
  const page = await followPage('moving/gitea.md', stack.folder, {})
  const address = `127.0.0.1:${await freePort()}`
  const lines = [
    'defaults',
    'mode http',
    'timeout connect 60s',
    'timeout client 60s',
    'timeout server 60s',
    'listen git',
    `bind ${address}`,
    page.block('Names with capitals', 'haproxy'),
    `server gateway ${stack.gateway.address}`,
  ]
  await writeFile(join(stack.folder, 'haproxy.cfg'), `${lines.join('\n')}\n`)
  await using _haproxy = await startBalancer('haproxy', ['-db', '-f', join(stack.folder, 'haproxy.cfg')], address)
  assert.ok(!(await readsAs(stack.url, 'TEAM/App.git')))
  assert.ok(await readsAs(`http://${address}`, 'TEAM/App.git'))
})

async function makeGitea(home: string): Promise<void> {
  const repositories = join(home, 'data/gitea-repositories')
  for (const name of ['team/app', 'team/app.wiki', 'ann/dots', 'ann/notes', 'team/tools']) {
    const gitDir = join(repositories, `${name}.git`)
    await mkdir(gitDir, { recursive: true })
    await git(gitDir, ['init', '--quiet', '--bare'])
    await importHistory(gitDir, 2)
    await addHooks(gitDir)
  }
  const app = join(repositories, 'team/app.git')
  await git(app, ['update-ref', 'refs/pull/1/head', 'main'])
  await writeHook(app, 'ours', 'echo "$REMOTE_USER" >pushed', 'hooks/post-receive.d')
  const passwords = { ann: await hash('ann’s', 4), eve: await hash('eve’s', 4) }
  execFileSync('sqlite3', [join(home, 'data/gitea.db')], { input: database(passwords) })
}

/** As Gitea's do: a script that runs all that is in a folder, where one calls Gitea, which is not there. */
async function addHooks(gitDir: string): Promise<void> {
  for (const name of ['pre-receive', 'update', 'post-receive', 'proc-receive']) {
    const isRunner = name !== 'proc-receive'
    const calls = `/usr/local/bin/gitea hook --config=/etc/gitea/app.ini ${name}`
    const runs = `input=$(cat)\nfor hook in hooks/${name}.d/*; do echo "$input" | "$hook" "$@" || exit; done`
    const marked = (script: string) => `#!/usr/bin/env bash\n# AUTO GENERATED BY GITEA, DO NOT MODIFY\n${script}\n`
    await writeHook(gitDir, name, marked(isRunner ? runs : calls))
    await writeHook(gitDir, 'gitea', isRunner ? marked(calls) : '', `hooks/${name}.d`)
  }
}

/** The tables and columns that the page's queries use, in the types that Gitea gives them. */
const database = (passwords: Record<'ann' | 'eve', string>) => `
  CREATE TABLE user (id INTEGER PRIMARY KEY, lower_name TEXT, name TEXT, passwd TEXT, passwd_hash_algo TEXT,
    type INTEGER, is_active INTEGER, is_admin INTEGER, prohibit_login INTEGER, visibility INTEGER);
  CREATE TABLE repository (id INTEGER PRIMARY KEY, owner_id INTEGER, owner_name TEXT, lower_name TEXT, name TEXT,
    is_private INTEGER, is_archived INTEGER, is_mirror INTEGER);
  CREATE TABLE access (id INTEGER PRIMARY KEY, user_id INTEGER, repo_id INTEGER, mode INTEGER);
  CREATE TABLE repo_redirect (id INTEGER PRIMARY KEY, owner_id INTEGER, lower_name TEXT, redirect_repo_id INTEGER);
  CREATE TABLE user_redirect (id INTEGER PRIMARY KEY, lower_name TEXT, redirect_user_id INTEGER);
  CREATE TABLE team_user (id INTEGER PRIMARY KEY, org_id INTEGER, team_id INTEGER, uid INTEGER);
  CREATE TABLE team_repo (id INTEGER PRIMARY KEY, org_id INTEGER, team_id INTEGER, repo_id INTEGER);
  CREATE TABLE team_unit (id INTEGER PRIMARY KEY, org_id INTEGER, team_id INTEGER, type INTEGER, access_mode INTEGER);
  CREATE TABLE protected_branch (id INTEGER PRIMARY KEY, repo_id INTEGER, branch_name TEXT, can_push INTEGER);
  CREATE TABLE lfs_meta_object (id INTEGER PRIMARY KEY, oid TEXT, size INTEGER, repository_id INTEGER);
  INSERT INTO user VALUES
    (1, 'ann', 'ann', '${passwords.ann}', 'bcrypt', 0, 1, 0, 0, 0),
    (2, 'ben', 'Ben', 'c0ffee', 'pbkdf2$320000$50', 0, 1, 0, 0, 0),
    (3, 'eve', 'eve', '${passwords.eve}', 'bcrypt', 0, 1, 0, 0, 0),
    (4, 'team', 'Team', '', '', 1, 1, 0, 0, 0);
  INSERT INTO repository VALUES
    (1, 4, 'Team', 'app', 'App', 1, 0, 0),
    (2, 1, 'ann', 'dots', 'dots', 0, 1, 0),
    (3, 1, 'ann', 'notes', 'notes', 1, 0, 0),
    (4, 4, 'Team', 'tools', 'tools', 0, 0, 0);
  INSERT INTO access VALUES (1, 3, 3, 1);
  INSERT INTO repo_redirect VALUES (1, 1, 'app', 1);
  INSERT INTO user_redirect VALUES (1, 'old', 4);
  INSERT INTO team_user VALUES (1, 4, 1, 2);
  INSERT INTO team_repo VALUES (1, 4, 1, 1);
  INSERT INTO team_unit VALUES (1, 4, 1, 1, 2), (2, 4, 1, 2, 2);
  INSERT INTO protected_branch VALUES (1, 1, 'main', 1);
  INSERT INTO lfs_meta_object VALUES (1, 'abc', 3, 1);
`

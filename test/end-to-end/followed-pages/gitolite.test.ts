import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import { followPage } from './followed-page.ts'
import { skipWithoutAny } from './programs.ts'

/** A gitolite installation, made by gitolite itself, moves over as the page says, and back. */

const rules = `
@backend = ben eve@example.org
repo gitolite-admin
    RW+ = admin
repo team/app
    RW+ = @backend
    R   = admin
repo secret
    RW  = admin
repo wild/[a-z]+
    C   = ben
    RW  = CREATOR
    R   = @all
`

test(
  'gitolite: what was there is served with the same rights, and what is pushed comes back',
  { skip: skipWithoutAny('gitolite', 'rsync', 'openssl') },
  async () => {
    await using folder = await temporaryFolder()
    const theirs = join(folder.path, 'gitolite3')
    await makeGitolite(theirs)
    await using stack = await startStack()
    const etc = join(folder.path, 'etc')
    await mkdir(etc)
    const page = await followPage(
      'moving/gitolite.md',
      folder.path,
      {
        '/var/lib/gitolite3': theirs,
        '/srv/git': stack.root,
        '/etc/sluice': etc,
        '/root/': `${folder.path}/`,
        'http://127.0.0.1:8080': stack.url,
        'sluice:sluice': `${process.getuid!()}`,
        'root:sluice': `${process.getuid!()}`,
        'gitolite3:gitolite3': `${process.getuid!()}`,
      },
      { gitolite3: theirs },
    )

    const found = await page.follow('1. Look')
    assert.match(found, /^secret$/m)
    assert.match(found, /team\/app.git\/hooks\/post-receive/)
    assert.doesNotMatch(found, /hooks\/update$/m)
    await page.follow('2. Copy')
    const clone = join(folder.path, 'clone')
    await git(folder.path, ['clone', '--quiet', `${stack.url}/team/app`, clone])
    await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Too early'])
    const early = await tryGit(clone, ['push'])
    assert.match(early.stderr, /remote: hint: The update hook of this repository was written by gitolite/)
    await page.follow("3. Remove gitolite's hooks from the copy")
    assert.match(
      await page.follow('4. Start for this machine only, and compare'),
      /4 repositories compared, 0 different/,
    )
    await page.follow('5. Users and rights')

    await importHistory(join(theirs, 'repositories/secret.git'), 3)
    const compared = await page.follow('6. Switch')
    assert.match(compared, /not served: gitolite-admin.git/)
    assert.match(compared, /5 repositories compared, 1 different/)
    const env = parseEnv(await readFile(join(etc, 'gateway.env'), 'utf8')) as Record<string, string>
    const { address } = await stack.addGateway(env)
    const passwords = new Map(
      (await readFile(join(folder.path, 'sluice-passwords'), 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(' ') as [string, string]),
    )
    const as = (user: string) => `http://${encodeURIComponent(user)}:${passwords.get(user)}@${address}`
    const reads = async (url: string, name: string) => (await tryGit(clone, ['ls-remote', `${url}/${name}`])).code === 0
    assert.deepEqual([...passwords.keys()], ['admin', 'ben', 'eve@example.org'])
    assert.ok(!(await reads(`http://${address}`, 'wild/mine')))
    assert.ok(!(await reads(as('ben'), 'secret')))
    assert.ok(await reads(as('admin'), 'secret.git'))
    assert.ok(await reads(as('admin'), 'wild/mine'))
    assert.match((await tryGit(clone, ['push', `${as('admin')}/team/app`, 'HEAD'])).stderr, /but not push to it/)
    await git(clone, ['push', '--quiet', `${as('eve@example.org')}/team/app`, 'HEAD'])
    assert.equal(await readFile(join(stack.root, 'team/app.git/pushed'), 'utf8'), 'eve@example.org\n')
    // The addresses of old clones.
    const config = await readFile(join(page.home, '.gitconfig'), 'utf8')
    await writeFile(join(page.home, '.gitconfig'), config.replaceAll('https://git.example.org', as('ben')))
    const own = { GIT_CONFIG_GLOBAL: join(page.home, '.gitconfig') }
    for (const url of ['gitolite3@git.example.org:team/app', 'ssh://gitolite3@git.example.org/team/app.git']) {
      await git(clone, ['fetch', '--quiet', url], { env: own })
    }

    await page.follow('Way back')
    const back = join(theirs, 'repositories/team/app.git')
    assert.equal(await git(back, ['rev-parse', 'main']), await git(clone, ['rev-parse', 'HEAD']))
    assert.match((await tryGit(clone, ['push', back, 'HEAD:again'])).stderr, /Gitolite.*hook declined/s)
    assert.deepEqual(await page.services(), [
      'start sluice-supervisor sluice-gateway',
      'restart sluice-gateway',
      'stop sluice-gateway sluice-supervisor',
    ])
    page.hasBeenFollowed()
  },
)

/** As Debian's package sets it up: a home with the configuration, the keys, and the repositories. */
async function makeGitolite(home: string): Promise<void> {
  await mkdir(home, { recursive: true })
  const run = (program: string, args: string[], env: Record<string, string> = {}) => {
    const { status, stderr } = spawnSync(program, args, {
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home, USER: 'gitolite3', ...env },
      encoding: 'utf8',
    })
    assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`)
  }
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', 'admin'])
  run('gitolite', ['setup', '-pk', 'admin.pub'])
  for (const key of ['ben@laptop', 'eve@example.org']) {
    await cp(join(home, 'admin.pub'), join(home, `.gitolite/keydir/${key}.pub`))
  }
  await writeFile(join(home, '.gitolite/conf/gitolite.conf'), rules)
  run('gitolite', ['compile'])
  run('gitolite', ['trigger', 'POST_COMPILE'])
  run('gitolite', ['create', 'wild/mine'], { GL_USER: 'ben' })
  for (const name of ['team/app', 'secret', 'wild/mine']) {
    const gitDir = join(home, `repositories/${name}.git`)
    await git(gitDir, ['symbolic-ref', 'HEAD', 'refs/heads/main'])
    await importHistory(gitDir, 2)
  }
  const app = join(home, 'repositories/team/app.git')
  await writeHook(app, 'post-receive', 'echo "$REMOTE_USER" >pushed')
  await symlink('post-receive', join(app, 'hooks/post-update'))
}

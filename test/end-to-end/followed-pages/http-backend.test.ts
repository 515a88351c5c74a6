import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { hash } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { followPage } from './followed-page.ts'
import { readsAs, withLogin } from './log-in.ts'
import { skipWithoutAny } from './programs.ts'

/** A server of nginx, fcgiwrap and git http-backend moves over as the page says, and back. Clones keep their addresses. */

test(
  'http-backend: clones keep their addresses, what was not served is not, and what is pushed comes back',
  { skip: skipWithoutAny('nginx', 'fcgiwrap', 'rsync', 'openssl') },
  async () => {
    await using folder = await temporaryFolder()
    const theirs = join(folder.path, 'www')
    const passwords = join(folder.path, 'git.htpasswd')
    await makeRepositories(theirs)
    await writeFile(passwords, `ann:${await hash('ann’s', 4)}\nben:${apr1('ben’s')}\n`)
    await using stack = await startStack()
    const etc = join(folder.path, 'etc')
    await mkdir(etc)
    const user = `${process.getuid!()}`
    const page = await followPage('moving/http-backend.md', folder.path, {
      '/var/www/git': theirs,
      '/srv/git': stack.root,
      '/etc/sluice': etc,
      '/etc/nginx/git.htpasswd': passwords,
      '/root/': `${folder.path}/`,
      'http://127.0.0.1:8080': stack.url,
      'sluice:sluice': user,
      'root:sluice': user,
      'www-data:www-data': user,
    })
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/git`
    const clone = join(folder.path, 'clone')
    {
      await using _old = await startOld(folder.path, theirs, passwords, port)
      const ann = withLogin(url, 'ann', 'ann’s')
      await git(folder.path, ['clone', '--quiet', `${ann}/Team/app.git`, clone])
      await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Pushed to the old server'])
      await git(clone, ['push', '--quiet'])
      assert.ok(!(await readsAs(ann, 'hidden.git')))

      assert.match(await page.follow('1. Look'), /^\/hidden.git\/$/m)
      await page.follow('2. Copy')
      await page.follow('Namespaces')
      assert.match(
        await page.follow('3. Start for this machine only, and compare'),
        /4 repositories compared, 0 different/,
      )
      await page.follow('4. Users')
      await page.follow('5. Rights')
      await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Pushed since the first copy'])
      await git(clone, ['push', '--quiet'])
    }
    assert.match(await page.follow('6. Switch'), /4 repositories compared, 0 different/)
    const gateway = parseEnv(await readFile(join(etc, 'gateway.env'), 'utf8')) as Record<string, string>
    const moved = await stack.addGateway(gateway)
    const location = page.block('6. Switch', 'nginx').replace(stack.url, `http://${moved.address}`)
    await using _new = await startNginx(folder.path, port, location)
    await git(clone, ['fetch', '--quiet'])
    await git(clone, ['commit', '--quiet', '--allow-empty', '-m', 'Pushed to Sluice'])
    await git(clone, ['push', '--quiet'])
    const [, password] = (await readFile(join(folder.path, 'sluice-passwords'), 'utf8')).trim().split(' ')
    const ben = withLogin(url, 'ben', password!)
    assert.ok(!(await readsAs(url, 'Team/app')))
    assert.ok(await readsAs(ben, 'Team/app'))
    assert.ok(!(await readsAs(ben, 'team/app')))
    assert.ok(!(await readsAs(ben, 'hidden')))
    assert.ok(!(await readsAs(ben, 'forks')))
    assert.match((await tryGit(clone, ['push', `${ben}/frozen`, 'HEAD'])).stderr, /Pushing is switched off/)
    for (const name of ['ann', 'ben']) {
      const copied = await git(clone, ['ls-remote', '--symref', `${ben}/forks/${name}.git`])
      assert.match(copied, new RegExp(`^ref: refs/heads/${name}\tHEAD$`, 'm'))
      assert.doesNotMatch(copied, /namespaces/)
    }

    await page.follow('Way back')
    assert.equal(
      await git(join(theirs, 'Team/app.git'), ['rev-parse', 'main']),
      await git(clone, ['rev-parse', 'HEAD']),
    )
    assert.equal(await git(join(theirs, 'hidden.git'), ['rev-list', '--count', 'main']), '2')
    page.hasBeenFollowed()
  },
)

async function makeRepositories(root: string): Promise<void> {
  for (const name of ['Team/app', 'frozen', 'hidden', 'forks']) {
    const gitDir = join(root, `${name}.git`)
    await mkdir(gitDir, { recursive: true })
    await git(gitDir, ['init', '--quiet', '--bare'])
    await importHistory(gitDir, 2)
    if (name !== 'hidden') await writeFile(join(gitDir, 'git-daemon-export-ok'), '')
  }
  await git(join(root, 'frozen.git'), ['config', 'http.receivepack', 'false'])
  const forks = join(root, 'forks.git')
  for (const name of ['ann', 'ben']) {
    await git(forks, ['update-ref', `refs/namespaces/${name}/refs/heads/${name}`, 'main'])
    await git(forks, ['symbolic-ref', `refs/namespaces/${name}/HEAD`, `refs/namespaces/${name}/refs/heads/${name}`])
  }
}

function apr1(password: string): string {
  return execFileSync('openssl', ['passwd', '-apr1', '-stdin'], { input: password, encoding: 'utf8' }).trim()
}

async function startOld(folder: string, root: string, passwords: string, port: number): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack()
  const socket = join(folder, 'fcgiwrap.sock')
  started.use(start('fcgiwrap', ['-s', `unix:${socket}`]))
  const parameters = {
    SCRIPT_FILENAME: join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend'),
    GIT_PROJECT_ROOT: root,
    PATH_INFO: '$1',
    QUERY_STRING: '$query_string',
    REQUEST_METHOD: '$request_method',
    CONTENT_TYPE: '$content_type',
    CONTENT_LENGTH: '$content_length',
    REMOTE_USER: '$remote_user',
    REMOTE_ADDR: '$remote_addr',
  }
  const lines = Object.entries(parameters).map(([name, value]) => `fastcgi_param ${name} ${value};`)
  const location = `location ~ ^/git(/.*)$ {
    auth_basic Git;
    auth_basic_user_file ${passwords};
    fastcgi_pass unix:${socket};
    ${lines.join('\n    ')}
  }`
  started.use(await startNginx(folder, port, location))
  return started.move()
}

async function startNginx(folder: string, port: number, location: string): Promise<AsyncDisposable> {
  const file = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'fastcgi', 'proxy', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`)
  await writeFile(
    file,
    `daemon off; pid ${folder}/nginx.pid; ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http { access_log off; ${temporary.join(' ')} server { listen 127.0.0.1:${port}; ${location} } }`,
  )
  const nginx = start('nginx', ['-p', folder, '-c', file, '-e', join(folder, 'nginx.log')])
  await until('nginx to listen', async () => (await ask(`127.0.0.1:${port}`, '/').catch(() => undefined)) !== undefined)
  return nginx
}

function start(program: string, args: string[]): AsyncDisposable {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

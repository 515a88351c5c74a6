import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { hash } from '@node-rs/bcrypt'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { followPage } from './followed-page.ts'
import type { FollowedPage } from './followed-page.ts'

/** What the page of log-ins tells people and programs is done against a Sluice that asks for passwords. */

const run = promisify(execFile)
const users = { ann: 'the-password', ci: 'the-token', argocd: 'the-token', flux: 'the-token', renovate: 'the-token' }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stack: Stack

before(async () => {
  folder = await temporaryFolder()
  const lines = await Promise.all(
    Object.entries(users).map(async ([user, secret]) => `${user}:${await hash(secret, 4)}\n`),
  )
  await writeFile(join(folder.path, 'htpasswd'), lines.join(''))
  await writeFile(join(folder.path, 'access.yaml'), "rules: [{ repositories: '**', write: users }]\n")
  stack = await startStack(
    {},
    {
      gateway: {
        SLUICE_ACCESS: 'file',
        SLUICE_PASSWORD_FILE: join(folder.path, 'htpasswd'),
        SLUICE_ACCESS_FILE: join(folder.path, 'access.yaml'),
      },
    },
  )
  const app = join(stack.root, 'team/app.git')
  await mkdir(app, { recursive: true })
  await git(app, ['init', '--quiet', '--bare'])
  await importHistory(app, 2)
})
after(async () => {
  await stack[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** The page, as a new user follows it, in a folder of their own. */
async function newUser(name: string): Promise<FollowedPage & { readonly folder: string }> {
  const own = join(folder.path, name)
  await mkdir(own)
  const { host } = new URL(stack.url)
  const page = await followPage('log-ins.md', own, {
    'https://git.example.org': stack.url,
    'https://ann@git.example.org': `http://ann@${host}`,
    'machine git.example.org': `machine ${host.split(':')[0]}`,
    '/srv/git': stack.root,
  })
  return { ...page, folder: own }
}

/** Runs a script as this user, whose git is configured by what the page said before. @returns its output */
async function runAs(user: { home: string; folder: string }, script: string, env: Record<string, string> = {}) {
  const { stdout } = await run('bash', ['-e', '-c', script], {
    cwd: user.folder,
    env: { PATH: process.env['PATH'], HOME: user.home, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', ...env },
  })
  return stdout
}

const lsRemote = () => `git ls-remote ${stack.url}/team/app.git`
const approve = () => `printf 'url=${stack.url}\\nusername=ann\\npassword=the-password\\n\\n' | git credential approve`

for (const kept of ['in memory', 'in a file']) {
  test(`a password that is kept ${kept} is asked for once, and forgotten when its user says so`, async (t) => {
    const user = await newUser(kept.replaceAll(' ', '-'))
    // Or its process would wait for eight hours.
    t.after(() => runAs(user, 'git credential-cache exit || true'))
    const row = (await readFile(new URL('../../../docs/operate/log-ins.md', import.meta.url), 'utf8'))
      .split('\n')
      .find((line) => line.startsWith(`| ${kept}`))!
    const [, command] = /`(git config [^`]*)`/.exec(row)!
    await runAs(user, `${command!.replaceAll('https://git.example.org', stack.url)}; ${approve()}`)
    assert.match(await runAs(user, lsRemote()), /refs\/heads\/main/)
    await user.follow('A password that has changed')
    await assert.rejects(runAs(user, lsRemote()), /could not read Username/)
  })
}

test('a user in the address, and the whole address as the key', async () => {
  const user = await newUser('two-users')
  const path = new URL(stack.url).host
  const kept = [`http://ann:the-password@${path}/team/app.git`, `http://ci:wrong@${path}/team/other.git`]
  await writeFile(join(user.home, '.git-credentials'), `${kept.join('\n')}\n`)
  await runAs(user, 'git config --global credential.helper store')
  await user.follow('Different users')
  assert.ok((await stat(join(user.folder, 'app/file-2.txt'))).isFile())
})

test('~/.netrc is read', async () => {
  const user = await newUser('netrc')
  await writeFile(join(user.home, '.netrc'), user.block('Programs that read ~/.netrc', 'netrc'), { mode: 0o600 })
  assert.match(await runAs(user, lsRemote()), /refs\/heads\/main/)
})

test('a program takes its secret from the environment, and it is in no file', async () => {
  const user = await newUser('program')
  await user.follow('Programs')
  const env = { GIT_USER: 'ci', GIT_TOKEN: 'the-token' }
  await runAs(
    user,
    `git clone --quiet ${stack.url}/team/app; cd app; git -c user.name=ci -c user.email=ci@localhost commit -q --allow-empty -m x; git push -q`,
    env,
  )
  assert.doesNotMatch(await runAs(user, 'grep -r the-token . || true'), /the-token/)
})

test('GitHub Actions and GitLab CI: the steps check the repository out', async () => {
  const env = { GIT_USER: 'ci', GIT_TOKEN: 'the-token' }
  const github = await newUser('github')
  const workflow = z
    .object({ jobs: z.object({ build: z.object({ steps: z.array(z.object({ run: z.string() })) }) }) })
    .parse(parse(github.block('GitHub Actions', 'yaml')))
  await mkdir(join(github.folder, 'work'))
  await runAs(github, `cd work; ${workflow.jobs.build.steps[0]!.run}`, env)
  assert.ok((await stat(join(github.folder, 'work/file-2.txt'))).isFile())

  const gitlab = await newUser('gitlab')
  const { build } = z
    .object({ build: z.object({ script: z.array(z.string()) }) })
    .parse(parse(gitlab.block('GitLab CI', 'yaml')))
  await runAs(gitlab, build.script.slice(0, 2).join('\n'), env)
  assert.ok((await stat(join(gitlab.folder, 'app/file-2.txt'))).isFile())
})

test('Argo CD, Flux and Renovate: addresses and log-ins are where these programs look, and are right', async () => {
  const user = await newUser('watchers')
  const login = z.object({ username: z.string(), password: z.string() })
  const argo = z
    .object({ kind: z.literal('Secret'), stringData: login.extend({ type: z.literal('git'), url: z.string() }) })
    .parse(parse(user.block('Argo CD', 'yaml'))).stringData
  const [secret, source] = parseAllDocuments(user.block('Flux', 'yaml')).map((document) => document.toJS() as unknown)
  const flux = z.object({ metadata: z.object({ name: z.string() }), stringData: login }).parse(secret)
  const { spec } = z
    .object({
      kind: z.literal('GitRepository'),
      spec: z.object({ url: z.string(), secretRef: z.object({ name: z.literal(flux.metadata.name) }) }),
    })
    .parse(source)
  for (const [url, { username, password }] of [
    [argo.url, argo],
    [spec.url, flux.stringData],
  ] as const) {
    const withLogin = url.replace('://', `://${username}:${password}@`)
    assert.match(await git(folder.path, ['ls-remote', withLogin]), /refs\/heads\/main/)
  }
  const renovate = z
    .object({ customManagers: z.array(z.object({ matchStrings: z.array(z.string()) })) })
    .parse(JSON.parse(user.block('Renovate', 'json')))
  const [pattern] = renovate.customManagers[0]!.matchStrings
  const found = new RegExp(pattern!).exec('https://git.example.org/team/app=v1.2.0')
  assert.deepEqual({ ...found?.groups }, { depName: 'https://git.example.org/team/app', currentValue: 'v1.2.0' })
})

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { run } from '../../../apps/command/src/run.ts'
import { shellWords } from '../../support/shell-words.ts'
import { followPage } from './followed-page.ts'
import { readsAs, withLogin } from './log-in.ts'

/** The commands of the page of everyday tasks are run in their order, on a Sluice that serves meanwhile. */

test('each everyday task is done by its command', async () => {
  await using folder = await temporaryFolder()
  const etc = join(folder.path, 'etc')
  await mkdir(etc)
  const files = { passwords: join(etc, 'htpasswd'), tokens: join(etc, 'tokens'), rules: join(etc, 'access.yaml') }
  for (const file of [files.passwords, files.tokens]) await writeFile(file, '')
  await writeFile(files.rules, "rules: [{ repositories: '**', write: users }]\n")
  const access = {
    SLUICE_ACCESS: 'file',
    SLUICE_PASSWORD_FILE: files.passwords,
    SLUICE_TOKEN_FILE: files.tokens,
    SLUICE_ACCESS_FILE: files.rules,
  }
  await using stack = await startStack({}, { gateway: access })
  const app = join(stack.root, 'team/app.git')
  await mkdir(app, { recursive: true })
  await git(app, ['init', '--quiet', '--bare'])
  await importHistory(app, 2)
  await git(app, ['branch', 'develop', 'main'])
  const settings = {
    access: {
      access: 'file',
      password_file: files.passwords,
      token_file: files.tokens,
      access_file: files.rules,
    },
    repositories: { root: stack.root, run_folder: join(stack.folder, 'run') },
  }
  await writeFile(join(etc, 'sluice.yaml'), stringify(settings))
  const env = { SLUICE_CONFIG: join(etc, 'sluice.yaml'), PATH: process.env['PATH'] }
  const page = await followPage('everyday.md', folder.path, { '/srv/git': stack.root, '/etc/sluice': etc })

  await page.follow('Everyday tasks')
  const said = new Map<string, string>()
  const users = ['Users and tokens', 'Repositories']
  for (const command of users.flatMap((heading) => page.tableOf(heading))) {
    said.set(command, await sluice(shellWords(command).slice(1), env))
    if (command.startsWith('sluice user passwd')) {
      await until('ann to be let in', () => readsAs(withLogin(stack.url, 'ann', 'a-password'), 'team/app'))
    }
  }
  const of = (words: string) => [...said].find(([command]) => command.startsWith(words))![1]
  assert.match(of('sluice user list'), /ann/)
  assert.match(of('sluice token create'), /sluice_/)
  assert.match(of('sluice repo list'), /team\/app/)
  assert.match(of('sluice repo trash'), /team\/newer/)
  assert.equal(await git(app, ['symbolic-ref', 'HEAD']), 'refs/heads/develop')
  await page.follow('Repositories')
  const token = /sluice_\w+/.exec(of('sluice token create'))![0]
  for (const name of ['team/app-before', 'team/newer']) {
    await until(`${name} to be read`, () => readsAs(withLogin(stack.url, 'ci', token), name))
  }
  assert.ok(!(await readsAs(withLogin(stack.url, 'ci', token), 'ben/app')))
  await until('ann to be kept out', async () => !(await readsAs(withLogin(stack.url, 'ann', 'a-password'), 'team/app')))
  assert.doesNotMatch(await readFile(files.passwords, 'utf8'), /ann/)
})

/** Runs a command as the program does, in this process: a process for each would take most of the test's time. */
async function sluice(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const isPrompted = words[0] === 'user' && ['add', 'passwd'].includes(words[1]!)
  const stdin = new PassThrough().end('a-password\n') as unknown as NodeJS.ReadStream
  let said = ''
  const sink = { write: (text: string) => void (said += text) }
  const argv = isPrompted ? [...words, '--password-stdin'] : words
  assert.equal(await run(argv, { env, stdin, stdout: sink, stderr: sink }), 0, `sluice ${words.join(' ')}: ${said}`)
  return said
}

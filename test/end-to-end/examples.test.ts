import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseEnv, promisify } from 'node:util'
import { hash } from '@node-rs/bcrypt'
import { parse } from 'yaml'
import { z } from 'zod'
import { noCertificates } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Sluice is started with each configuration in examples/. Real git then finds out who may do what. */

const examples = fileURLToPath(new URL('../../examples/', import.meta.url))
const run = promisify(execFile)
const sluice = fileURLToPath(new URL('../../apps/command/bin/sluice', import.meta.url))

/** The folder in which the examples expect their files. */
const etc = '/etc/sluice'

test('file: the users of the password file do what the rules let them do, and a token what it says', async () => {
  await using folder = await temporaryFolder()
  const users = await Promise.all(['ann', 'ben', 'eve'].map(async (user) => `${user}:${await hash(`${user}’s`, 4)}\n`))
  await writeFile(join(folder.path, 'htpasswd'), users.join(''))
  await copyFile(join(examples, 'file/access.yaml'), join(folder.path, 'access.yaml'))
  const settings = await settingsOf('file', folder.path)
  const { stdout } = await run(sluice, ['token', 'create', '--repository', 'backend/**', '--right', 'write'], {
    env: { ...settings, PATH: process.env['PATH'] },
  })
  await using stack = await startStack({}, { gateway: settings })

  assert.equal(await push(stack, 'public/one.git', 'ann', 'ann’s'), 'pushed')
  assert.equal(await push(stack, 'backend/app.git', 'ann', 'ann’s'), 'pushed')
  assert.equal(await push(stack, 'backend/app.git', 'ben', 'ben’s'), 'pushed')
  assert.match(await push(stack, 'backend/app.git', 'eve', 'eve’s'), /You may read this repository, but not push to it/)
  assert.match(await push(stack, 'backend/new.git', 'ben', 'ben’s'), /a push does not create one here/)
  assert.match(await push(stack, 'public/one.git', 'ann', 'wrong'), /Authentication failed/)
  assert.equal(await push(stack, 'backend/app.git', 'x-access-token', stdout.trim()), 'pushed')
  const header = ['-c', `http.extraHeader=Authorization: Bearer ${stdout.trim()}`]
  assert.equal(await read(stack, 'backend/app.git', header), 'read')
  assert.equal(await read(stack, 'public/one.git'), 'read')
  assert.match(await read(stack, 'backend/app.git'), /could not read Username|Authentication failed/)
})

test(
  'jwt: the script makes a key pair once, and tokens with which CI reads and pushes what they say',
  { skip: noCertificates },
  async () => {
    await using folder = await temporaryFolder()
    const make = async (...args: string[]) =>
      (await run(join(examples, 'jwt/make-token.sh'), args, { cwd: folder.path })).stdout.trim()
    const reader = await make('ci', 'repo:read')
    const key = await readFile(join(folder.path, 'signing-key.pem'), 'utf8')
    const writer = await make('ci', 'repo:read repo:write:team/** repo:create:team/**', '7200')
    const expired = await make('ci', 'repo:write', '-600')
    assert.equal(await readFile(join(folder.path, 'signing-key.pem'), 'utf8'), key)
    await using stack = await startStack({}, { gateway: await settingsOf('jwt', folder.path) })

    assert.equal(await push(stack, 'team/app.git', 'x-access-token', writer), 'pushed')
    assert.match(
      await push(stack, 'other/app.git', 'x-access-token', writer),
      /You may read this repository, but not push to it/,
    )
    assert.equal(await read(stack, 'team/app.git', ['-c', `http.extraHeader=Authorization: Bearer ${reader}`]), 'read')
    assert.match(await push(stack, 'team/app.git', 'x-access-token', reader), /You may read this repository/)
    assert.match(await push(stack, 'team/app.git', 'x-access-token', expired), /Authentication failed/)
  },
)

test('forward: the access service lets everybody read public repositories, and CI push', async () => {
  await using service = await startService('ci’s secret')
  const settings = await settingsOf('forward', etc)
  await using stack = await startStack({}, { gateway: { ...settings, SLUICE_ACCESS_SERVICE: service.address } })
  await git(stack.root, ['init', '--quiet', '--bare', 'public/one.git'])
  await git(stack.root, ['init', '--quiet', '--bare', 'other/one.git'])

  assert.equal(await push(stack, 'team/app.git', 'ci', 'ci’s secret'), 'pushed')
  assert.match(await push(stack, 'other/one.git', 'ci', 'ci’s secret'), /no repository of this name that you may read/)
  assert.match(await push(stack, 'team/app.git', 'ci', 'wrong'), /Authentication failed/)
  assert.equal(await read(stack, 'public/one.git'), 'read')
  assert.match(await read(stack, 'other/one.git'), /could not read Username|Authentication failed/)
})

test('compose: the settings of both services start, and everybody pushes', async () => {
  const { services } = composeFile.parse(parse(await readFile(join(examples, 'compose/compose.yaml'), 'utf8')))
  const [gateway, supervisor] = [services.gateway, services.supervisor].map(({ environment }) => environment)
  assert.equal(gateway!['SLUICE_SUPERVISOR'], supervisor!['SLUICE_SUPERVISOR'])
  assert.ok(
    services.gateway.volumes.includes('run:/run/sluice') && services.supervisor.volumes.includes('run:/run/sluice'),
  )
  // In place of the container's addresses and folders, the test has its own.
  const { SLUICE_SUPERVISOR: _ours, SLUICE_LISTEN: listen, ...ofGateway } = gateway!
  const { SLUICE_SUPERVISOR: _theirs, ...ofSupervisor } = supervisor!
  const own = {
    gateway: { ...ofGateway, SLUICE_LISTEN: listen!.replace(/\d+$/, '0') },
    supervisor: ofSupervisor,
  }
  await using stack = await startStack({}, own)
  const url = stack.url.replace('0.0.0.0', '127.0.0.1')
  assert.equal(await push({ ...stack, url }, 'team/project.git', '', ''), 'pushed')
})

const service = z.object({
  environment: z.record(z.string().regex(/^SLUICE_[A-Z_]+$/), z.string()),
  volumes: z.array(z.string()),
})
const composeFile = z.object({ services: z.object({ gateway: service, supervisor: service }) })

/** The settings of an example's gateway, with its files in this folder. */
async function settingsOf(example: string, folder: string): Promise<Record<string, string>> {
  const text = await readFile(join(examples, example, 'gateway.env'), 'utf8')
  return parseEnv(text.replaceAll(etc, folder)) as Record<string, string>
}

async function startService(token: string): Promise<AsyncDisposable & { address: string }> {
  const child = spawn(process.execPath, [join(examples, 'forward/access-service.ts')], {
    env: { CI_TOKEN: token, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const address = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve))
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}

/** Makes every push bring something new. */
let branches = 0

/** @returns `pushed`, or git's message */
async function push(stack: Pick<Stack, 'url'>, name: string, user: string, password: string): Promise<string> {
  await using work = await temporaryFolder()
  await git(work.path, ['init', '--quiet'])
  await git(work.path, ['commit', '--quiet', '--allow-empty', '-m', 'A commit'])
  const helper = user === '' ? '' : `!f() { printf 'username=%s\\npassword=%s\\n' '${user}' '${password}'; }; f`
  const args = [
    '-c',
    `credential.helper=${helper}`,
    'push',
    '--quiet',
    `${stack.url}/${name}`,
    `HEAD:refs/heads/${++branches}`,
  ]
  const { code, stderr } = await tryGit(work.path, args)
  return code === 0 ? 'pushed' : stderr
}

/** @returns `read`, or git's message */
async function read(
  stack: Pick<Stack, 'url' | 'folder'>,
  name: string,
  options: readonly string[] = [],
): Promise<string> {
  const args = ['-c', 'credential.helper=', ...options, 'ls-remote', `${stack.url}/${name}`]
  const { code, stderr } = await tryGit(stack.folder, args)
  return code === 0 ? 'read' : stderr
}

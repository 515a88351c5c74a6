import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCache } from '@sluice/shared/testing/compile-cache'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { startStack } from '@sluice/shared/testing/stack'

/** What an application says when it cannot start, and its exit code: 78 stops a service manager from trying again. */

const project = new URL('../../', import.meta.url)
const mains = {
  'gateway': 'apps/gateway/src/main.ts',
  'supervisor': 'apps/gitworker/src/main.ts',
  'quick start': 'apps/command/src/main.ts',
} as const

async function startInVain(
  app: keyof typeof mains,
  env: Record<string, string>,
  args: string[] = [],
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(mains[app], project)), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

/** Settings with which a supervisor would start, in a folder of its own. */
function settingsIn(folder: string): Record<string, string> {
  return {
    SLUICE_ROOT: folder,
    SLUICE_SUPERVISOR: `unix:${join(folder, 'supervisor.sock')}`,
    SLUICE_RUN_FOLDER: join(folder, 'run'),
  }
}

test('a fault that may go by itself ends with 1, so that a service manager tries again', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'not-mounted-yet')
  const noRoot = await startInVain('supervisor', { ...settingsIn(folder.path), SLUICE_ROOT: root })
  assert.equal(noRoot.code, 1, noRoot.said)
  assert.match(noRoot.said, new RegExp(`cannot start now:\\n {2}SLUICE_ROOT names ${root}, which does not exist`))

  await using stack = await startStack()
  const run = join(stack.folder, 'run')
  const sameFolder = await startInVain('supervisor', { ...settingsIn(folder.path), SLUICE_RUN_FOLDER: run })
  assert.equal(sameFolder.code, 1, sameFolder.said)
  assert.match(sameFolder.said, /SLUICE_RUN_FOLDER names .* is using\. Stop it, or choose another folder/)

  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  const samePort = await startInVain('gateway', { SLUICE_LISTEN: listen })
  taken.close()
  assert.equal(samePort.code, 1, samePort.said)
  assert.match(samePort.said, /SLUICE_LISTEN: cannot listen on .*: another process listens there already/)
})

test('a fault that no later start can heal ends with 78, also through the quick start', async () => {
  await using folder = await temporaryFolder()
  const noFile = { SLUICE_ACCESS: 'file', SLUICE_LISTEN: '127.0.0.1:0' }
  const alone = await startInVain('gateway', noFile)
  assert.equal(alone.code, 78, alone.said)
  assert.match(alone.said, /SLUICE_ACCESS=file needs SLUICE_PASSWORD_FILE/)
  const quick = await startInVain('quick start', noFile, ['start', folder.path])
  assert.equal(quick.code, 78, quick.said)
  assert.match(quick.said, /SLUICE_ACCESS=file needs SLUICE_PASSWORD_FILE/)
})

test('all faults of both applications are said at once, and nothing is started or created', async () => {
  await using folder = await temporaryFolder()
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const wrong = {
    SLUICE_LISTEN: `127.0.0.1:${port}`,
    SLUICE_ACCESS: 'file',
    SLUICE_TLS_CERTIFICATE: join(folder.path, 'no-certificate'),
    SLUICE_TLS_KEY: join(folder.path, 'no-key'),
    SLUICE_HOOKS_FOLDER: join(folder.path, 'no-hooks'),
    SLUICE_GIT: 'no-such-git',
  }
  const quick = await startInVain('quick start', wrong, ['start', join(folder.path, 'var')])
  const all = [/git is missing/, /SLUICE_HOOKS_FOLDER/, /SLUICE_ACCESS=file needs/, /SLUICE_TLS_CERT/, /SLUICE_LISTEN/]
  for (const problem of all)
    assert.equal(quick.said.match(new RegExp(problem, 'g'))?.length, 1, `${problem}: ${quick.said}`)
  assert.equal(quick.code, 78)
  assert.doesNotMatch(quick.said, /listening on/)
  assert.equal(existsSync(join(folder.path, 'var/repos')), false)
  // Each application reports all of its own faults by itself.
  const host = await startInVain('supervisor', { ...settingsIn(folder.path), ...wrong, SLUICE_ROOT: '/nowhere' })
  for (const problem of [/git is missing/, /SLUICE_HOOKS_FOLDER/, /SLUICE_ROOT/]) assert.match(host.said, problem)
  const gateway = await startInVain('gateway', wrong)
  for (const problem of all.slice(2)) assert.match(gateway.said, problem)
  taken.close()
})

test('a missing git is reported in words', async () => {
  await using folder = await temporaryFolder()
  for (const [app, args] of [
    ['supervisor', []],
    ['quick start', ['start', join(folder.path, 'var')]],
  ] as const) {
    const settings = app === 'supervisor' ? settingsIn(folder.path) : { SLUICE_LISTEN: '127.0.0.1:0' }
    const { code, said } = await startInVain(app, { ...settings, SLUICE_GIT: 'no-such-git' }, [...args])
    assert.equal(code, 78, said)
    assert.match(said, /git is missing: no program "no-such-git" can be run\. Install git 2\.34 or newer, or say with/)
  }
})

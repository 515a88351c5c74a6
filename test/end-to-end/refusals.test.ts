import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A refused POST is told to git in its own protocol. Every other client gets the status. */

const agent = { 'User-Agent': 'git/2.47.1' }

async function repository(stack: Stack) {
  const gitDir = join(stack.root, 'app.git')
  await git(stack.root, ['init', '-q', '--bare', 'app.git'])
  await importHistory(gitDir, 30)
  const clone = join(stack.folder, 'clone')
  await git(stack.folder, ['clone', '-q', gitDir, clone])
  await git(clone, ['commit', '-q', '--allow-empty', '-m', 'one more'])
  return { url: `${stack.url}/app.git`, clone }
}

function post(stack: Stack, service: string, headers: Record<string, string>, body: string) {
  return ask(stack.gateway.address, `/app.git/git-${service}`, {
    method: 'POST',
    headers: { 'Content-Type': `application/x-git-${service}-request`, ...headers },
    body,
  })
}

for (const version of [0, 1, 2]) {
  test(`git shows its user why the host refuses a fetch, in protocol version ${version}`, async () => {
    await using stack = await startStack({ SLUICE_MAX_FETCH_REQUEST: '150B' })
    const { url } = await repository(stack)
    const { code, stderr } = await tryGit(stack.folder, ['-c', `protocol.version=${version}`, 'clone', url, 'copy'])
    assert.notEqual(code, 0)
    assert.match(stderr, /^fatal: remote error: The request is too large, once inflated\.$/m)
    const lineIn = (app: typeof stack.gateway) => app.line((line) => line['reason'] === 'body_too_large')
    for (const line of [await lineIn(stack.supervisor), await lineIn(stack.gateway)]) {
      assert.deepEqual([line['outcome'], line['status']], ['refused', 413])
    }
    const reply = await post(stack, 'upload-pack', {}, '0'.repeat(400))
    assert.deepEqual([reply.status, reply.headers['sluice-reason']], [413, 'body_too_large'])
    const counted = /sluice_refusals_total\{outcome="refused",reason="body_too_large",app="gateway"\} 2$/m
    await until('both to be counted', async () => counted.test((await ask(stack.gateway.operations, '/metrics')).body))
  })
}

test('git shows its user why the gateway refuses a push, and nothing looks like a success', async () => {
  await using stack = await startStack()
  const { url, clone } = await repository(stack)
  for (const config of [[], ['-c', 'sendpack.sideband=false']]) {
    // Runs after the push's advertisement has been read and before its POST is sent.
    await writeHook(join(clone, '.git'), 'pre-push', `kill -9 ${stack.supervisor.pid}`)
    const { code, stderr } = await tryGit(clone, [...config, 'push', url, 'HEAD:main'])
    assert.notEqual(code, 0)
    assert.match(stderr, /The host that keeps this repository (?:does not answer|broke off)/)
    assert.doesNotMatch(stderr, /RPC failed/)
    await stack.supervisor.exited
    await stack.restartSupervisor()
  }
  const line = await stack.gateway.line((one) => String(one['reason']).startsWith('host_'))
  assert.deepEqual([line['outcome'], line['level']], ['failed', 'error'])
  assert.ok([502, 503].includes(line['status'] as number))
})

test('the status stays for other clients, for GETs, and where git asks for a log-in', async () => {
  await using stack = await startStack({ SLUICE_MAX_FETCH_REQUEST: '150B' })
  await repository(stack)
  const large = '0'.repeat(400)
  for (const other of ['git/2.0 (libgit2 1.5.1)', 'git/dulwich/0.21.2', 'JGit/6.10', 'go-git/5.x', 'curl/8']) {
    const reply = await post(stack, 'upload-pack', { 'User-Agent': other }, large)
    assert.deepEqual([reply.status, reply.headers['sluice-reason']], [413, 'body_too_large'], other)
  }
  const told = await post(stack, 'upload-pack', { ...agent, 'X-Request-Id': 'told' }, large)
  assert.equal(told.status, 200)
  assert.equal(told.headers['content-type'], 'application/x-git-upload-pack-result')
  assert.equal(told.headers['sluice-reason'], 'body_too_large')
  assert.equal(told.headers['x-request-id'], 'told')
  assert.match(told.body, /^0031ERR The request is too large, once inflated\.\n$/)
  const missing = await ask(stack.gateway.address, '/none.git/info/refs?service=git-upload-pack', { headers: agent })
  assert.equal(missing.status, 404)
})

test('a log-in is asked for by the status', async () => {
  await using folder = await import('@sluice/shared/testing/folder').then(({ temporaryFolder }) => temporaryFolder())
  const [passwords, rules] = [join(folder.path, 'passwords'), join(folder.path, 'access.yaml')]
  await writeFile(passwords, '')
  await writeFile(rules, 'repositories: {}\n')
  await using stack = await startStack({
    SLUICE_ACCESS: 'jwt',
    SLUICE_JWT_KEYS: 'https://127.0.0.1:1/keys',
    SLUICE_JWT_ISSUER: 'x',
    SLUICE_JWT_AUDIENCE: 'x',
    SLUICE_ACCESS_FILE: rules,
  })
  await repository(stack)
  const reply = await post(stack, 'receive-pack', agent, '0000')
  assert.equal(reply.status, 401)
})

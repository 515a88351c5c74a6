import { freePort } from '@sluice/shared/testing/free-port'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask, sendRaw } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Whatever a page of another web site sends from a browser on this machine, it reads, pushes and creates nothing. */

const advertisement = '/r.git/info/refs?service=git-upload-pack'
const pushType = { 'Content-Type': 'application/x-git-receive-pack-request' }
const requests = [
  { path: advertisement },
  { path: '/new.git/info/refs?service=git-receive-pack' },
  { path: '/r.git/git-receive-pack', method: 'POST', headers: pushType, body: '0000' },
]

const foreignHosts = [
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'notlocalhost',
  '192.0.2.1',
  '[2001:db8::1]:8080',
]
const ownHosts = ['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '127.5.5.5', '[::1]:8080', 'git.localhost']

const crossSite: Record<string, Record<string, string>> = {
  'a page elsewhere': { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors', 'Origin': 'https://evil.example' },
  'a picture elsewhere': { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' },
  'a link elsewhere': { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' },
  'a page on another port': { 'Sec-Fetch-Site': 'same-site', 'Origin': 'http://localhost:3000' },
  'an old browser': { Origin: 'http://evil.example' },
  'an old browser, another port': { Origin: 'http://localhost:3000' },
  'a page in a sandbox': { Origin: 'null' },
  'nonsense': { 'Sec-Fetch-Site': 'sideways' },
}

let stack: Stack
before(async () => {
  stack = await startStack()
  await git(stack.root, ['init', '--quiet', '--bare', 'r.git'])
})
after(() => stack[Symbol.asyncDispose]())

describe('a gateway that asks nobody who they are', () => {
  for (const host of foreignHosts) {
    test(`refuses the host name ${host}`, async () => {
      for (const { path, method, headers, body } of requests) {
        const reply = await ask(stack.gateway.address, path, {
          ...(method && { method, body }),
          headers: { ...headers, Host: host },
        })
        assert.equal(reply.status, 403, reply.body)
        assert.equal(reply.headers['sluice-reason'], 'unknown_host')
        assert.match(reply.body, /^[^\n]+SLUICE_HOST_NAMES\.\n$/)
      }
      assert.equal((await ask(stack.gateway.address, '/healthz', { headers: { Host: host } })).status, 200)
      assert.equal((await ask(stack.gateway.address, '/readyz', { headers: { Host: host } })).status, 200)
    })
  }

  test('accepts every name of this machine, and none in HTTP/1.0', async () => {
    for (const Host of ownHosts) {
      assert.equal((await ask(stack.gateway.address, advertisement, { headers: { Host } })).status, 200, Host)
    }
    const old = await sendRaw(stack.gateway.address, `GET ${advertisement} HTTP/1.0\r\n\r\n`)
    assert.match(old, /^HTTP\/1\.[01] 200 /)
  })

  for (const [what, headers] of Object.entries(crossSite)) {
    test(`does nothing for ${what}`, async () => {
      for (const request of requests) {
        const reply = await ask(stack.gateway.address, request.path, {
          ...(request.method && { method: request.method, body: request.body }),
          headers: { Host: 'localhost', ...request.headers, ...headers },
        })
        assert.equal(reply.status, 403, reply.body)
        assert.equal(reply.headers['sluice-reason'], 'cross_site')
      }
    })
  }

  test('serves its own pages, typed addresses, and git', async () => {
    for (const headers of [
      { 'Sec-Fetch-Site': 'same-origin', 'Origin': 'http://localhost:8080', 'Host': 'localhost:8080' },
      { 'Sec-Fetch-Site': 'none' },
      { Origin: 'http://localhost:8080', Host: 'localhost:8080' },
    ] as Record<string, string>[]) {
      assert.equal((await ask(stack.gateway.address, advertisement, { headers })).status, 200)
    }
    const { address } = stack.gateway
    const port = address.slice(address.lastIndexOf(':'))
    for (const host of ['127.0.0.1', 'localhost']) {
      const { code, stderr } = await tryGit(stack.folder, ['ls-remote', `http://${host}${port}/r.git`])
      assert.equal(code, 0, stderr)
    }
    // The plain refusal does no harm to a user who follows a link.
    const link = await ask(stack.gateway.address, '/', { headers: crossSite['a link elsewhere']! })
    assert.equal(link.status, 404)
  })

  test('has created nothing during these tests', async () => {
    const reply = await ask(stack.gateway.address, '/new.git/info/refs?service=git-upload-pack')
    assert.equal(reply.status, 404)
  })

  test('accepts the names that are set, and its public address', async () => {
    const gateway = await stack.addGateway({
      SLUICE_HOST_NAMES: 'git.example.org, *.internal.example',
      SLUICE_PUBLIC_URL: 'https://code.example.org',
    })
    const statusFor = async (Host: string, more: Record<string, string> = {}) =>
      (await ask(gateway.address, advertisement, { headers: { Host, ...more } })).status
    for (const host of [
      'git.example.org',
      'GIT.example.org.:443',
      'a.internal.example',
      'code.example.org',
      'localhost',
    ]) {
      assert.equal(await statusFor(host), 200, host)
    }
    for (const host of ['example.org', 'xgit.example.org', 'internal.example', 'evil.example']) {
      assert.equal(await statusFor(host), 403, host)
    }
    assert.equal(await statusFor('localhost', { Origin: 'https://code.example.org' }), 200)
    const any = await stack.addGateway({ SLUICE_HOST_NAMES: 'any' })
    assert.equal((await ask(any.address, advertisement, { headers: { Host: 'evil.example' } })).status, 200)
  })
})

test('a host that trusts every process of this machine does not trust web pages', async () => {
  await using tcp = await startStack({ SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}` })
  await git(tcp.root, ['init', '--quiet', '--bare', 'r.git'])
  const { address } = tcp.supervisor
  for (const [what, headers] of Object.entries({ ...crossSite, 'a foreign name': { Host: 'evil.example' } })) {
    for (const path of [advertisement, '/-/trusted']) {
      assert.equal((await ask(address, path, { headers })).status, 403, what)
    }
  }
  assert.equal((await ask(address, '/healthz', { headers: { Host: 'evil.example' } })).status, 200)
  assert.equal((await ask(address, advertisement)).status, 200)
  assert.match(await git(tcp.folder, ['ls-remote', `${tcp.url}/r.git`]), /^$/)
  assert.equal((await ask(tcp.gateway.address, '/readyz')).status, 200)
})

test('operators’ pages cannot be read through another site’s name or page, wherever they are served', async () => {
  await using wide = await startStack({
    SLUICE_SUPERVISOR_OPERATIONS: '0.0.0.0:0',
    SLUICE_GATEWAY_OPERATIONS: '0.0.0.0:0',
  })
  for (const door of [wide.supervisor, wide.gateway, stack.supervisor, stack.gateway]) {
    const address = door.operations.replace('0.0.0.0', '127.0.0.1')
    const statusFor = async (headers: Record<string, string>) => (await ask(address, '/metrics', { headers })).status
    assert.equal(await statusFor({ Host: 'evil.example' }), 421)
    assert.equal(await statusFor({ Host: '127.0.0.1.evil.example:9081' }), 421)
    for (const Host of ['localhost', 'localhost.:1', '10.0.0.1:9081', '[::1]:9081', '127.0.0.1:']) {
      assert.equal(await statusFor({ Host }), 200, Host)
    }
    assert.equal(await statusFor({ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }), 403)
    assert.equal(await statusFor({ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }), 200)
    assert.equal(await statusFor({ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }), 200)
  }
})

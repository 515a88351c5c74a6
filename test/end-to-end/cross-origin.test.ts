import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders as Http1Headers } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { Chromium, findChromium } from '@sluice/shared/testing/chromium'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { ask, sendRaw } from '@sluice/shared/testing/http'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Pages of named web sites may use the remote from a browser; other pages may not. */

const named = 'https://code.example.org'
const others = [
  'https://evil.example',
  'http://code.example.org',
  'https://code.example.org:8443',
  'null',
  `${named}.evil`,
  'x',
]

const advertisement = '/there.git/info/refs?service=git-upload-pack'
const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' }

let stack: Stack
before(async () => {
  stack = await startStack({ SLUICE_CORS_ORIGINS: `${named}, http://localhost:5173` })
  await git(stack.root, ['init', '--quiet', '--bare', 'there.git'])
  await importHistory(join(stack.root, 'there.git'), 3)
})
after(() => stack[Symbol.asyncDispose]())

function assertAllowed(headers: Http1Headers, origin: string, what: string): void {
  assert.equal(headers['access-control-allow-origin'], origin, what)
  assert.match(String(headers['access-control-expose-headers']), /X-Request-Id/, what)
  assert.equal(headers['access-control-allow-credentials'], undefined, what)
}

function assertSilent(headers: Http1Headers, what: string): void {
  const told = Object.keys(headers).filter((name) => name.startsWith('access-control-'))
  assert.deepEqual(told, [], what)
}

/** Replies of all kinds, each with a request that gets it. */
const sorts: [number, string, { method?: string; headers?: Record<string, string>; body?: string }][] = [
  [200, advertisement, {}],
  [404, '/gone.git/info/refs?service=git-upload-pack', {}],
  [400, '/a/../b/info/refs?service=git-upload-pack', {}],
  [400, '/%ff/info/refs', {}],
  [403, '/there.git/info/refs', {}],
  [405, '/there.git/git-upload-pack', {}],
  [415, '/there.git/git-upload-pack', { method: 'POST', body: 'x' }],
  [400, advertisement, { headers: { 'Git-Protocol': '!' } }],
  [400, '/a\\b', {}],
  [404, '/', {}],
  [200, '/', { headers: { Accept: 'text/html' } }],
  [200, '/there.git/info/lfs/locks', {}],
  [404, '/gone.git/info/lfs/locks', {}],
  [200, '/healthz', {}],
]

describe('a page of a site that is named', () => {
  test('reads every reply, refusals too', async () => {
    for (const [status, path, options] of sorts) {
      const headers = { ...options.headers, 'Origin': named, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }
      const reply = await ask(stack.gateway.address, path, { ...options, headers })
      assert.equal(reply.status, status, path)
      assertAllowed(reply.headers, named, path)
      assert.match(String(reply.headers.vary), /^Origin\b/, path)
    }
  })

  test('is told by a preflight what it may send, for every name, without a log-in and without the host', async () => {
    const closed = await stack.addGateway({ SLUICE_ACCESS: 'forward', SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/' })
    await until('the requests before it to be over', async () => isQuiet(await stack.status()))
    for (const { address } of [stack.gateway, closed]) {
      for (const path of [
        advertisement,
        '/gone.git/git-upload-pack',
        '/a/b/git-receive-pack',
        '//there.git//info/refs',
      ]) {
        const reply = await ask(address, path, { method: 'OPTIONS', headers: { Origin: named, ...preflight } })
        assert.deepEqual([reply.status, reply.body, reply.headers['content-length']], [204, '', undefined])
        assertAllowed(reply.headers, named, path)
        assert.match(String(reply.headers['access-control-allow-methods']), /\bPOST\b/)
        for (const name of ['Authorization', 'Content-Type', 'Git-Protocol', 'User-Agent', 'Accept']) {
          assert.ok(String(reply.headers['access-control-allow-headers']).split(', ').includes(name), name)
        }
        assert.equal(reply.headers['access-control-max-age'], '7200')
      }
    }
    assert.ok(isQuiet(await stack.status()))
  })

  test('reads that a log-in is needed, and that it is wrong', async () => {
    const closed = await stack.addGateway({ SLUICE_ACCESS: 'forward', SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/' })
    const reply = await ask(closed.address, advertisement, { headers: { Origin: named, Authorization: 'nonsense' } })
    assert.equal(reply.status, 401)
    assertAllowed(reply.headers, named, 'a log-in')
    assert.match(String(reply.headers['access-control-expose-headers']), /WWW-Authenticate/)
  })

  test('reads the same from the other named site', async () => {
    const reply = await ask(stack.gateway.address, advertisement, { headers: { Origin: 'http://localhost:5173' } })
    assert.equal(reply.status, 200)
    assertAllowed(reply.headers, 'http://localhost:5173', 'the second')
  })
})

describe('a page of any other site', () => {
  for (const origin of others) {
    test(`reads nothing: ${origin}`, async () => {
      for (const [, path, options] of sorts) {
        const headers = { ...options.headers, Origin: origin }
        assertSilent((await ask(stack.gateway.address, path, { ...options, headers })).headers, path)
      }
      const asked = await ask(stack.gateway.address, advertisement, { headers: { Origin: origin } })
      assert.equal(asked.headers['sluice-reason'], 'cross_site')
      const first = await ask(stack.gateway.address, advertisement, {
        method: 'OPTIONS',
        headers: { Origin: origin, ...preflight },
      })
      assert.deepEqual([first.status, first.headers['sluice-reason']], [403, 'cross_site'])
      assertSilent(first.headers, 'a preflight')
    })
  }

  test('gets nothing with two Origin headers', async () => {
    for (const pair of [
      [named, 'https://evil.example'],
      ['https://evil.example', named],
      [named, named],
    ]) {
      const lines = pair.map((origin) => `Origin: ${origin}\r\n`).join('')
      const reply = await sendRaw(
        stack.gateway.address,
        `GET ${advertisement} HTTP/1.1\r\nHost: localhost\r\n${lines}Connection: close\r\n\r\n`,
      )
      assert.match(reply, /^HTTP\/1\.1 400 /)
      assert.doesNotMatch(reply.split('\r\n\r\n', 1)[0]!, /evil/)
    }
    for (const origin of [
      `${named}, https://evil.example`,
      `${named} https://evil.example`,
      `${named}/`,
      ` ${named}x`,
    ]) {
      const reply = await ask(stack.gateway.address, advertisement, { headers: { Origin: origin } })
      assertSilent(reply.headers, origin)
    }
  })

  test('gets nothing if no site is named', async () => {
    const off = await stack.addGateway({ SLUICE_CORS_ORIGINS: 'off' })
    for (const origin of [named, ...others]) {
      for (const method of ['GET', 'OPTIONS']) {
        const reply = await ask(off.address, advertisement, { method, headers: { Origin: origin, ...preflight } })
        assert.equal(reply.headers['sluice-reason'], 'cross_site')
        assertSilent(reply.headers, origin)
        assert.equal(reply.headers.vary, undefined)
      }
    }
  })
})

test('git and other clients without an Origin are served as before', async () => {
  const reply = await ask(stack.gateway.address, advertisement)
  assert.equal(reply.status, 200)
  assertSilent(reply.headers, 'git')
  assert.equal(reply.headers.vary, 'Origin')
  const plain = await ask(stack.gateway.address, advertisement, { method: 'OPTIONS' })
  assert.deepEqual([plain.status, plain.headers.allow], [405, 'GET, HEAD'])
})

test('all sites may be let in, but without cookies or passwords that the browser keeps', async () => {
  const all = await stack.addGateway({ SLUICE_CORS_ORIGINS: '*' })
  for (const origin of [named, ...others]) {
    const reply = await ask(all.address, advertisement, {
      headers: { 'Origin': origin, 'Sec-Fetch-Site': 'cross-site' },
    })
    assert.equal(reply.status, 200)
    assertAllowed(reply.headers, '*', origin)
  }
  // A request for a picture, for example: no page can read its reply, and it has no Origin.
  const blind = await ask(all.address, advertisement, { headers: { 'Sec-Fetch-Site': 'cross-site' } })
  assert.equal(blind.headers['sluice-reason'], 'cross_site')
})

test('over HTTP/2 it is the same', { skip: noCertificates ?? false }, async () => {
  await using folder = await temporaryFolder()
  const root = newAuthority(folder.path)
  const pair = await root.issue('gateway')
  await using secured = await startStack({
    SLUICE_TLS_CERTIFICATE: pair.certificate,
    SLUICE_TLS_KEY: pair.key,
    SLUICE_CORS_ORIGINS: named,
  })
  await git(secured.root, ['init', '--quiet', '--bare', 'there.git'])
  const session = connectHttp2(secured.url, { ca: await readFile(root.certificate) })
  using _session = { [Symbol.dispose]: () => session.destroy() }
  const on = async (method: string, path: string, origin: string, more: OutgoingHttpHeaders = {}) => {
    const stream = session.request({ ':method': method, ':path': path, origin, ...more }).end()
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & Http1Headers]
    stream.resume()
    return headers
  }
  for (const path of [
    advertisement,
    '/gone.git/info/refs?service=git-upload-pack',
    '/',
    '/there.git/git-upload-pack',
  ]) {
    assertAllowed(await on('GET', path, named), named, path)
    assertSilent(await on('GET', path, 'https://evil.example'), path)
  }
  const first = await on('OPTIONS', '/there.git/git-upload-pack', named, preflight)
  assert.equal(first[':status'], 204)
  assertAllowed(first, named, 'a preflight')
  const other = await on('OPTIONS', '/there.git/git-upload-pack', 'https://evil.example', preflight)
  assert.equal(other[':status'], 403)
  assertSilent(other, 'a preflight')
})

const bun = fileURLToPath(new URL('bin/bun.exe', import.meta.resolve('bun/package.json')))
const hasBun = spawnSync(bun, ['--version']).status === 0
const chromium = findChromium()
const noBrowser = chromium === undefined ? 'chromium is not installed' : !hasBun && 'Bun is not installed'

/** A web site on every name of this machine, with isomorphic-git in its page. */
async function openSite(): Promise<AsyncDisposable & { readonly port: number }> {
  const entry = fileURLToPath(new URL('../browser/git-in-page.js', import.meta.url))
  const { stdout: script } = await promisify(execFile)(bun, ['build', '--target=browser', '--format=iife', entry], {
    maxBuffer: 64 * 2 ** 20,
  })
  return await serveHttp((incoming, outgoing) => {
    const isScript = incoming.url === '/git.js'
    outgoing.setHeader('Content-Type', `${isScript ? 'text/javascript' : 'text/html'}; charset=utf-8`)
    outgoing.end(isScript ? script : '<!doctype html><title>A site</title><script src="/git.js"></script>')
  })
}

describe('isomorphic-git in Chromium', { skip: noBrowser }, () => {
  test('clones and pushes from a page of a site that is named, and from no other', async () => {
    await using site = await openSite()
    const gateway = await stack.addGateway({ SLUICE_CORS_ORIGINS: `http://127.0.0.1:${site.port}` })
    await using browser = await Chromium.start(chromium!)
    const from = async (host: string) => {
      await using page = await browser.open(`http://${host}:${site.port}/`, { width: 800, height: 600 })
      await until('the page', () => page.evaluate<boolean>(`'cloneAndPush' in globalThis`))
      const url = JSON.stringify(`http://${gateway.address}/there.git`)
      return await page.evaluate<{ commits: number; ok: boolean; id: string } | string>(
        `cloneAndPush(${url}).catch(String)`,
      )
    }
    const bare = join(stack.root, 'there.git')
    assert.match(JSON.stringify(await from('localhost')), /Failed to fetch/)
    const old = await git(bare, ['rev-parse', 'main'])
    const pushed = await from('127.0.0.1')
    const id = await git(bare, ['rev-parse', 'main'])
    assert.deepEqual(pushed, { commits: 3, ok: true, id })
    assert.equal(await git(bare, ['rev-parse', 'main~']), old)
    await git(bare, ['fsck', '--full', '--strict'])
  })
})

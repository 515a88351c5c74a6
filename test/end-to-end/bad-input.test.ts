import assert from 'node:assert/strict'
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { git, importHistory } from '@sluice/shared/testing/git'
import { ask, sendRaw, target } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * Every bad input gets a status and a plain sentence. Nothing is started or created, and the server goes on serving.
 */

let stack: Stack
let outside: string

before(async () => {
  stack = await startStack()
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'good.git')])
  await importHistory(join(stack.root, 'good.git'), 3)
  outside = join(stack.folder, 'outside.git')
  await git(stack.folder, ['init', '--quiet', '--bare', outside])
  await symlink(outside, join(stack.root, 'link.git'))
  await mkdir(join(stack.root, 'plain-folder'))
})
after(() => stack[Symbol.asyncDispose]())

const advertisement = '/info/refs?service=git-upload-pack'
const pushAdvertisement = '/info/refs?service=git-receive-pack'
const fetchType = { 'Content-Type': 'application/x-git-upload-pack-request' }
const pushType = { 'Content-Type': 'application/x-git-receive-pack-request' }
const lsRefs = '0014command=ls-refs\n0000'

type Case = {
  readonly what: string
  readonly path: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly status: number
  readonly says: RegExp
}

const longPart = 'x'.repeat(200)

const cases: Case[] = [
  ...['..', '../outside.git', 'a/../good.git', '%2e%2e', '%2E%2E/outside.git', 'a%2f..%2fgood.git', '.', 'a/./b'].map(
    (name) => ({ what: `the name ${name}`, path: `/${name}${advertisement}`, status: 400, says: /name is not valid/ }),
  ),
  ...['-option', 'a/-c', 'team/-', 'x.lock', 'good.git.LOCK', 'good.git/.git/hooks'].map((name) => ({
    what: `the name ${name}`,
    path: `/${name}${advertisement}`,
    status: 400,
    says: /name is not valid/,
  })),
  ...['%00', 'good.git%00', 'a%0ab', '%7f', '%zz', '%', '%ff%fe', '%c0%ae%c0%ae'].map((name) => ({
    what: `the path ${name}`,
    path: `/${name}${advertisement}`,
    status: 400,
    says: /address is not valid/,
  })),
  { what: 'a backslash', path: `/a%5cb${advertisement}`, status: 400, says: /name is not valid/ },
  {
    what: 'a name of 5,000 bytes',
    path: `/${Array.from({ length: 25 }, () => longPart).join('/')}${advertisement}`,
    status: 414,
    says: /too long/,
  },
  { what: 'a part of 300 bytes', path: `/${'y'.repeat(300)}${advertisement}`, status: 414, says: /too long/ },
  { what: 'a repository’s config', path: `/good.git/config${advertisement}`, status: 404, says: /no repository/ },
  { what: 'a config below .git', path: `/.git/config${advertisement}`, status: 400, says: /not valid/ },
  { what: 'a link out of the root', path: `/link.git${advertisement}`, status: 404, says: /no repository/ },
  { what: 'a push through a link', path: `/link.git/new${pushAdvertisement}`, status: 409, says: /cannot be created/ },
  { what: 'a plain folder', path: `/plain-folder${advertisement}`, status: 404, says: /no repository/ },
  { what: 'a missing repository', path: `/missing.git${advertisement}`, status: 404, says: /no repository/ },
  { what: 'the root', path: '/', status: 404, says: /git clone/ },
  { what: 'a repository in a browser', path: '/good.git', status: 404, says: /git clone/ },
  { what: 'a loose object', path: '/good.git/objects/info/packs', status: 404, says: /git remote/ },
  { what: 'no service', path: '/good.git/info/refs', status: 403, says: /smart HTTP only/ },
  { what: 'an unknown service', path: '/good.git/info/refs?service=git-other', status: 403, says: /services/ },
  {
    what: 'a service with a tail',
    path: '/good.git/info/refs?service=git-upload-pack%00',
    status: 403,
    says: /services/,
  },
  {
    what: 'a POST for refs',
    path: `/good.git${advertisement}`,
    method: 'POST',
    status: 405,
    says: /GET and HEAD only/,
  },
  { what: 'a GET for a fetch', path: '/good.git/git-upload-pack', status: 405, says: /POST only/ },
  {
    what: 'a DELETE',
    path: '/good.git/git-receive-pack',
    method: 'DELETE',
    headers: pushType,
    status: 405,
    says: /POST only/,
  },
  {
    what: 'a form as a fetch',
    path: '/good.git/git-upload-pack',
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: lsRefs,
    status: 415,
    says: /Content-Type must be application\/x-git-upload-pack-request/,
  },
  {
    what: 'a fetch’s type on a push',
    path: '/good.git/git-receive-pack',
    method: 'POST',
    headers: fetchType,
    body: lsRefs,
    status: 415,
    says: /Content-Type/,
  },
  {
    what: 'an encoding that is not gzip',
    path: '/good.git/git-upload-pack',
    method: 'POST',
    headers: { ...fetchType, 'Content-Encoding': 'br' },
    body: lsRefs,
    status: 415,
    says: /gzip/,
  },
  ...(['upload', 'receive'] as const).map((service) => ({
    what: `gzip that is none, to ${service}-pack`,
    path: `/good.git/git-${service}-pack`,
    method: 'POST',
    headers: { 'Content-Type': `application/x-git-${service}-pack-request`, 'Content-Encoding': 'gzip' },
    body: lsRefs,
    status: 400,
    says: /not valid gzip/,
  })),
  {
    what: 'gzip that is cut short',
    path: '/good.git/git-upload-pack',
    method: 'POST',
    headers: { ...fetchType, 'Content-Encoding': 'gzip' },
    body: gzipSync(lsRefs).subarray(0, -9),
    status: 400,
    says: /not valid gzip/,
  },
  ...['hello world', 'zzzz', '0003', '00', '0014command=ls-', `${lsRefs}xyz`].map((body) => ({
    what: `the fetch request ${body}`,
    path: '/good.git/git-upload-pack',
    method: 'POST',
    headers: { ...fetchType, 'Git-Protocol': 'version=2' },
    body,
    status: 400,
    says: /pkt-line/,
  })),
  ...['hello world', 'PACK', '', '00'].map((body) => ({
    what: `the push ${JSON.stringify(body)}`,
    path: '/good.git/git-receive-pack',
    method: 'POST',
    headers: pushType,
    body,
    status: 400,
    says: /pkt-line/,
  })),
  ...[`version=2${'x'.repeat(10_000)}`, 'version=2;rm', 'version=$(id)', 'version=2 GIT_DIR=/', ':', 'é'].map(
    (value) => ({
      what: `the Git-Protocol ${value.slice(0, 20)}`,
      path: `/good.git${advertisement}`,
      headers: { 'Git-Protocol': value },
      status: 400,
      says: /Git-Protocol/,
    }),
  ),
]

for (const door of ['gateway', 'supervisor'] as const) {
  describe(`at the ${door}`, () => {
    for (const { what, path, method, headers, body, status, says } of cases) {
      test(`${what} is answered with ${status}`, async () => {
        const id = `${door}-${what.replaceAll(/[^\w]/g, '.').slice(0, 60)}`
        const listing = await readdir(stack.root)
        const reply = await ask(stack[door].address, path, {
          ...(method && { method }),
          ...(body !== undefined && { body }),
          headers: { ...headers, 'X-Request-Id': id },
        })
        assert.equal(reply.status, status, reply.body)
        assert.match(reply.body, says)
        assert.match(reply.body, /^[^\n]+\n$/)
        assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
        assert.equal(reply.headers['x-request-id'], id)
        const line = await stack[door].line((l) => l['requestId'] === id)
        assert.equal(line['outcome'], 'refused')
        const started = stack.supervisor.lines.filter((l) => l['requestId'] === id && l['worker'] !== undefined)
        assert.deepEqual(started, [])
        assert.deepEqual(await readdir(stack.root), listing)
      })
    }
  })
}

test('a gzip bomb on a fetch is refused when it has grown to 32 MiB', async () => {
  const id = await git(join(stack.root, 'good.git'), ['rev-parse', 'main'])
  const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20, `0032want ${id}\n`))
  const reply = await ask(stack.gateway.address, '/good.git/git-upload-pack', {
    method: 'POST',
    headers: { ...fetchType, 'Content-Encoding': 'gzip', 'X-Request-Id': 'bomb' },
    body: bomb,
  })
  assert.equal(reply.status, 413, reply.body)
  assert.match(reply.body, /too large/)
  const line = await stack.supervisor.line((l) => l['requestId'] === 'bomb')
  assert.equal(line['reason'], 'body_too_large')
})

test('a fetch request beyond its limit is refused, plain or in gzip, at the gateway and at the host', async () => {
  await using small = await startStack({ SLUICE_MAX_FETCH_REQUEST: '1MiB' })
  const repository = join(small.root, 'good.git')
  await git(small.folder, ['init', '--quiet', '--bare', repository])
  await importHistory(repository, 1)
  const wants = Buffer.alloc(3 * 2 ** 20, `0032want ${await git(repository, ['rev-parse', 'main'])}\n`)
  for (const { address } of [small.gateway, small.supervisor]) {
    for (const [body, encoding] of [
      [wants, 'identity'],
      [gzipSync(wants), 'gzip'],
    ] as const) {
      const headers = { ...fetchType, 'Content-Encoding': encoding }
      const reply = await ask(address, '/good.git/git-upload-pack', { method: 'POST', headers, body })
      assert.equal(reply.status, 413, `${encoding} at ${address}: ${reply.body}`)
    }
  }
})

test('files that a push has written into a work tree cannot pass for a repository', async () => {
  const site = join(stack.root, 'site')
  await git(stack.folder, ['init', '--quiet', site])
  await git(stack.folder, ['init', '--quiet', '--bare', join(site, 'evil')])
  await git(stack.folder, ['init', '--quiet', '--bare', join(site, 'deep/er/evil.git')])
  assert.equal((await ask(stack.gateway.address, `/site${advertisement}`)).status, 200)
  assert.equal((await ask(stack.gateway.address, `/site/.git${advertisement}`)).status, 200)
  for (const name of ['site/evil', 'site/deep/er/evil', 'site/deep/er/evil.git']) {
    assert.equal((await ask(stack.gateway.address, `/${name}${advertisement}`)).status, 404, name)
  }
})

test('a raw backslash is refused in words', async () => {
  const reply = await ask(stack.gateway.address, `/a\\b${advertisement}`)
  assert.equal(reply.status, 400)
  assert.match(reply.body, /address is not valid/)
})

test('a Git-Protocol with a line break never gets past the parser', async () => {
  const reply = await sendRaw(
    stack.gateway.address,
    `GET /good.git${advertisement} HTTP/1.1\r\nHost: localhost\r\nGit-Protocol: version=2\n evil\r\nConnection: close\r\n\r\n`,
  )
  assert.match(reply, /^HTTP\/1\.1 400 .*not a well-formed HTTP request\.\n$/s)
})

test('headers beyond 16 KiB are refused in words', async () => {
  const reply = await sendRaw(stack.gateway.address, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  assert.match(reply, /^HTTP\/1\.1 431 .*too large/s)
})

test('another version of HTTP is refused, wherever it is asked for', async () => {
  for (const { address, operations } of [stack.gateway, stack.supervisor]) {
    for (const version of ['2.0', '0.9']) {
      for (const path of ['/healthz', `/good.git${advertisement}`]) {
        const request = `GET ${path} HTTP/${version}\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n`
        assert.match(await sendRaw(address, request), /^HTTP\/1\.1 505 /, `${version} ${path}`)
        assert.match(await sendRaw(operations, request), /^HTTP\/1\.1 505 /, `${version} ${path}`)
      }
    }
  }
})

test('however many requests come at once on one connection, each is answered, and Node warns of nothing', async () => {
  const kinds = {
    'GET /healthz': '',
    'GET /readyz': '',
    'POST /healthz': '0000',
    [`GET /good.git${advertisement}`]: '',
    [`GET /missing.git${advertisement}`]: '',
    'POST /no-page': '0000',
  }
  for (const { address, operations, lines } of [stack.gateway, stack.supervisor]) {
    for (const [line, body] of Object.entries(kinds)) {
      const request = (more: string) =>
        `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`
      for (const where of [address, operations]) {
        const reply = await sendRaw(where, request('').repeat(30) + request('Connection: close\r\n'))
        assert.equal(reply.match(/HTTP\/1\.1 [245]\d\d /g)?.length, 31, `${line} ${where}`)
      }
    }
    assert.deepEqual(
      lines.filter(({ msg }) => msg === 'Node warns'),
      [],
    )
  }
})

const unreadableBodies: Record<string, readonly [headers: string, body: string]> = {
  'a size that is none': ['Transfer-Encoding: chunked', '4\r\n0000\r\nzz\r\n'],
  'a space after a size': ['Transfer-Encoding: chunked', '4 \r\n0000\r\n0\r\n\r\n'],
  'a chunk that is longer than its size': ['Transfer-Encoding: chunked', '4\r\n00000000\r\n0\r\n\r\n'],
  'an endless extension': ['Transfer-Encoding: chunked', `4;${'a'.repeat(40_000)}\r\n0000\r\n0\r\n\r\n`],
  'endless trailers': ['Transfer-Encoding: chunked', `4\r\n0000\r\n0\r\n${'A: b\r\n'.repeat(10_000)}\r\n`],
  'an encoding that is unknown': ['Transfer-Encoding: xchunked', '4\r\n0000\r\n0\r\n\r\n'],
}

for (const [what, [headers, body]] of Object.entries(unreadableBodies)) {
  test(`${what} in a body is refused in words, and does not count as a client that left`, async () => {
    for (const app of [stack.gateway, stack.supervisor]) {
      for (const service of ['upload-pack', 'receive-pack']) {
        const id = `${service}-${app.pid}-${what.replaceAll(' ', '-')}`
        const reply = await sendRaw(
          app.address,
          `POST /good.git/git-${service} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: ${id}\r\n` +
            `Content-Type: application/x-git-${service}-request\r\n${headers}\r\n\r\n${body}`,
        )
        assert.match(reply, /^HTTP\/1\.1 400 [^]*Sluice-Reason: bad_body[^]*is not well-formed/)
        const line = await app.line(({ requestId }) => requestId === id)
        assert.deepEqual([line['reason'], line['status']], ['bad_body', 400])
      }
    }
  })
}

test('malformed bytes after a request do not cut its reply, and end the connection', async () => {
  for (const app of [stack.gateway, stack.supervisor]) {
    const get = `GET /good.git${advertisement} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    const post = `POST /good.git/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${fetchType['Content-Type']}\r\nGit-Protocol: version=2\r\nContent-Length: ${lsRefs.length}\r\n\r\n${lsRefs}`
    for (const request of [get, post]) {
      const reply = await sendRaw(app.address, `${request}garbage\r\n\r\n`)
      assert.match(reply, /^HTTP\/1\.1 200 OK[^]*0000/)
      assert.match(reply, /refs\/heads\/main/)
    }
  }
})

test('headers that look like git’s environment have no effect', async () => {
  const plain = await ask(stack.gateway.address, `/good.git${advertisement}`)
  const dressed = await ask(stack.gateway.address, `/good.git${advertisement}`, {
    headers: { 'GIT_DIR': outside, 'Git-Dir': outside, 'GIT_CONFIG_COUNT': '1', 'X-Remote-User': 'root' },
  })
  assert.equal(dressed.status, 200)
  assert.equal(dressed.body, plain.body)
})

test('a body that is cut in half ends its request and nothing else', async () => {
  const head = [
    'POST /good.git/git-receive-pack HTTP/1.1',
    'Host: localhost',
    'X-Request-Id: cut-in-half',
    'Content-Type: application/x-git-receive-pack-request',
    'Content-Length: 1000',
  ]
  const socket = connect(target(stack.gateway.address))
  socket.on('error', () => {}).resume()
  socket.end(`${head.join('\r\n')}\r\n\r\n00`)
  const line = await stack.gateway.line((l) => l['requestId'] === 'cut-in-half')
  assert.equal(line['outcome'], 'client_gone')
  assert.equal(line['level'], 'info')
})

test('after all this the server serves, and has no more workers than before', async () => {
  assert.match(await git(stack.folder, ['ls-remote', `${stack.url}/good.git`]), /refs\/heads\/main/)
  await until('all workers to be gone', async () => isQuiet(await stack.status()))
})

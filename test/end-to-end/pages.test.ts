import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { Chromium, findChromium } from '@sluice/shared/testing/chromium'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { ask, sendRaw } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** What a person sees in a browser at an address of the remote. */

/** The header of Chromium. */
const Accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

let stack: Stack
before(async () => {
  stack = await startStack()
  await git(stack.root, ['init', '--quiet', '--bare', 'there.git'])
})
after(() => stack[Symbol.asyncDispose]())

const page = (path: string, headers: Record<string, string> = {}) =>
  ask(stack.gateway.address, path, { headers: { Accept, ...headers } })

describe('a browser', () => {
  for (const [path, command] of [
    ['/', /git clone URL\/<em>team\/project<\/em>\.git</],
    ['/team/app.git', /git clone URL\/team\/app\.git</],
    ['/team/app', /git clone URL\/team\/app\.git</],
    ['/team/app.git/', /git clone URL\/team\/app\.git</],
    ['//team//app.git/tree/main', /git clone URL\/team\/app\.git</],
    ['/team/app?tab=readme', /git clone URL\/team\/app\.git</],
    ['/team/%C3%BC%20%3Cb%3E.git', /git clone URL\/team\/%C3%BC%20%3Cb%3E\.git</],
  ] as const) {
    test(`shows at ${path} how to clone`, async () => {
      const { status, headers, body } = await page(path)
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'text/html; charset=utf-8')
      assert.match(body.replaceAll(stack.url, 'URL'), command)
      const style = /<style>([^<]*)<\/style>/.exec(body)?.[1]
      const hash = createHash('sha256').update(style!).digest('base64')
      const policy = String(headers['content-security-policy'])
      assert.ok(policy.startsWith(`default-src 'none'; style-src 'sha256-${hash}';`), policy)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.match(String(headers.vary), /Accept/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['x-robots-tag'], 'noindex')
    })
  }

  test('shows the same whether or not the repository exists, and whoever asks', async () => {
    const closed = await stack.addGateway({ SLUICE_ACCESS: 'forward', SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/' })
    const bodies = new Set<string>()
    for (const { address } of [stack.gateway, closed]) {
      for (const name of ['there', 'gone']) {
        const reply = await ask(address, `/${name}.git`, { headers: { Accept, Host: 'localhost' } })
        assert.equal(reply.status, 200)
        bodies.add(reply.body.replaceAll(`${name}.git`, 'NAME'))
      }
    }
    assert.equal(bodies.size, 1)
  })

  test('runs nothing that is in an address', async () => {
    const hostile = [
      `"><script>alert(1)</script>`,
      `'onload='x`,
      '</title></style><b>',
      '&lt;',
      '$(id)`id`;id',
      '\u202egit',
    ]
    for (const text of hostile) {
      const { status, body } = await page(`/${text.split('/').map(encodeURIComponent).join('/')}`)
      assert.equal(status, 200, text)
      // The page has its own elements only.
      assert.deepEqual(
        new Set([...body.matchAll(/<(\/?[a-z0-9]+)/g)].map(([, tag]) => tag!.replace('/', ''))),
        new Set(['html', 'head', 'meta', 'title', 'style', 'body', 'main', 'h1', 'bdi', 'p', 'pre', 'code']),
      )
      assert.match(body, /<code>git clone http:\/\/127\.0\.0\.1:\d+\/[\w.%/~-]+<\/code>/)
    }
  })

  test('gets no page for an address that no repository can have', async () => {
    for (const [path, status] of [
      ['/a/../b', 400],
      ['/-x', 400],
      ['/a%00', 400],
      ['/%ff', 400],
      [`/${'y'.repeat(300)}`, 414],
      ['/there.git/info/refs', 403],
      ['/there.git/git-upload-pack', 405],
    ] as const) {
      const reply = await page(path)
      assert.equal(reply.status, status, path)
      assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8', path)
    }
  })

  test('is shown only a valid host', async () => {
    const { address } = await stack.addGateway({ SLUICE_HOST_NAMES: 'any' })
    for (const host of ['$(id)', 'a;b', "a'b", 'a"><script>', 'a`b`', 'a&b', 'x'.repeat(600)]) {
      const request = `GET /x HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`
      const reply = await sendRaw(address, request)
      const command = /<code>git clone (.*)<\/code>/.exec(reply)?.[1]
      if (command === undefined) assert.match(reply, /^HTTP\/1\.1 400 /, host)
      else assert.match(command, /^http:\/\/[\w.:-]+\/x\.git$/, host)
    }
    const old = await sendRaw(address, 'GET /x HTTP/1.0\r\nAccept: text/html\r\n\r\n')
    assert.match(old, /git clone http:\/\/127\.0\.0\.1:\d+\/x\.git</)
    const absolute = await sendRaw(
      address,
      'GET http://git.example.org/x HTTP/1.1\r\nHost: git.example.org\r\nAccept: text/html\r\nConnection: close\r\n\r\n',
    )
    assert.match(absolute, /git clone http:\/\/git\.example\.org\/x\.git</)
  })

  test('gets the headers of a page for HEAD', async () => {
    const { status, headers, body } = await ask(stack.gateway.address, '/there.git', {
      method: 'HEAD',
      headers: { Accept },
    })
    assert.deepEqual([status, headers['content-type'], body], [200, 'text/html; charset=utf-8', ''])
  })
})

describe('a client that does not ask for HTML', () => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/*',
    'text/plain',
    'text/plain, text/html',
    'text/html;q=0.5, text/plain',
    'text/html;q=0',
    'application/json',
    'image/avif,image/webp,*/*;q=0.8',
    'text/htmlx',
    `text/html,${'a/b,'.repeat(4000)}`.slice(0, 15_000),
    ';q=1,'.repeat(3000),
    '"\\'.repeat(5000),
  ]) {
    test(`reads text: ${accept === undefined ? 'no Accept' : accept.slice(0, 40) || 'an empty Accept'}`, async () => {
      for (const path of ['/', '/there.git', '/gone']) {
        const reply = await ask(stack.gateway.address, path, {
          headers: accept === undefined ? {} : { Accept: accept },
        })
        assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
        assert.equal(reply.status, 404)
        assert.equal(reply.headers['sluice-reason'], 'not_a_git_address')
      }
    })
  }

  test('reads text after a method that changes things', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      assert.equal((await ask(stack.gateway.address, '/there.git', { method, headers: { Accept } })).status, 404)
    }
  })
})

test('over TLS and HTTP/2, the page has an address with https', { skip: noCertificates ?? false }, async () => {
  await using folder = await temporaryFolder()
  const root = newAuthority(folder.path)
  const pair = await root.issue('gateway')
  await using secured = await startStack({ SLUICE_TLS_CERTIFICATE: pair.certificate, SLUICE_TLS_KEY: pair.key })
  const session = connectHttp2(secured.url, { ca: await readFile(root.certificate) })
  using _session = { [Symbol.dispose]: () => session.destroy() }
  const stream = session.request({ ':path': '/team/app', 'accept': Accept }).end()
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  const body = Buffer.concat(await stream.toArray()).toString()
  assert.deepEqual([headers[':status'], headers.vary], [200, 'Accept'])
  assert.ok(body.includes(`git clone ${secured.url}/team/app.git<`), body)
})

const chromium = findChromium()
test(
  'in Chromium it is styled, fits a phone, and breaks no rule of its own',
  { skip: chromium === undefined && 'chromium is not installed' },
  async () => {
    await using browser = await Chromium.start(chromium!)
    const long = `/${'a'.repeat(240)}/${encodeURIComponent('"><script>alert(1)</script>'.replaceAll('/', '∕'))}.git`
    for (const scheme of ['light', 'dark']) {
      for (const path of ['/', '/team/app.git', long]) {
        await using shown = await browser.open(`${stack.url}${path}`, {
          width: 360,
          height: 640,
          features: { 'prefers-color-scheme': scheme },
        })
        const line = await until('the page', async () => (await shown.text('code')) || undefined)
        assert.match(line, /^git clone http:/)
        const [background, width, scripts] = await shown.evaluate<[string, number, number]>(
          `[getComputedStyle(document.body).backgroundColor, document.documentElement.scrollWidth, document.scripts.length]`,
        )
        assert.equal(background, scheme === 'dark' ? 'rgb(20, 23, 28)' : 'rgb(246, 247, 249)')
        assert.equal(width, 360)
        assert.equal(scripts, 0)
        // By itself, the browser asks for an icon, which does not exist.
        assert.deepEqual(
          shown.problems.filter(({ text }) => !/404/.test(text)),
          [],
        )
      }
    }
  },
)

import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/**
 * `SLUICE_ACCESS=forward` with stand-ins for services that operators use. Each checks what the real one checks before
 * it looks at the user. Ann may do everything below /team/, and everybody reads /public/.
 */

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const good = basic('ann', "ann's secret")

type Answer = { readonly status: number; readonly headers?: OutgoingHttpHeaders }

/** A question as the service reads it; a status if the service cannot read it. */
type Asked = { readonly method: string; readonly url: URL; readonly login: string | undefined }

type Service = {
  readonly path: string
  /** @returns what the service makes of the headers, or the status with which it says that it cannot use them */
  read(headers: IncomingHttpHeaders): Asked | number
  readonly letsIn: (user: string) => Answer
  readonly asksForLogin: number
}

const text = (value: string | string[] | undefined) => (typeof value === 'string' && value !== '' ? value : undefined)

function urlOf(value: string): URL | undefined {
  return /^https?:\/\//.test(value) && URL.canParse(value) ? new URL(value) : undefined
}

/** Traefik's forwardAuth and Caddy's forward_auth send these; Authelia's forward-auth endpoint wants all of them. */
function readForwarded(headers: IncomingHttpHeaders): { method: string; url: URL } | undefined {
  const [method, proto, host, uri, address] = ['method', 'proto', 'host', 'uri', 'for'].map((name) =>
    text(headers[`x-forwarded-${name}`]),
  )
  const url = proto && host && uri?.startsWith('/') ? urlOf(`${proto}://${host}${uri}`) : undefined
  return method && /^[A-Z]+$/.test(method) && address && url ? { method, url } : undefined
}

const services: Record<string, Service> = {
  // internal/handlers/handler_authz_impl_authrequest.go: a URL, a method, and a scheme that is secure.
  'Authelia behind nginx (auth-request)': {
    path: '/api/authz/auth-request',
    read(headers) {
      const [url, method] = [urlOf(text(headers['x-original-url']) ?? ''), text(headers['x-original-method'])]
      if (!url || !method || !/^[A-Z]+$/.test(method)) return 400
      if (url.protocol !== 'https:') return 401
      return { url, method, login: headers['proxy-authorization'] }
    },
    letsIn: (user) => ({ status: 200, headers: { 'Remote-User': user, 'Remote-Groups': 'dev' } }),
    asksForLogin: 401,
  },
  // handler_authz_impl_forwardauth.go: all of X-Forwarded-*; browsers are sent to a page, programs are told 401 or 407.
  'Authelia behind Traefik or Caddy (forward-auth)': {
    path: '/api/authz/forward-auth',
    read(headers) {
      const asked = readForwarded(headers)
      if (!asked) return 400
      if (asked.url.protocol !== 'https:') return 401
      if (headers['x-requested-with'] !== 'XMLHttpRequest' || headers.accept?.includes('text/html')) return 302
      return { ...asked, login: headers['proxy-authorization'] }
    },
    letsIn: (user) => ({ status: 200, headers: { 'Remote-User': user } }),
    asksForLogin: 407,
  },
  // docs/configuration/integration: X-Real-IP, X-Forwarded-Uri; 202 or 401; X-Auth-Request-User with --set-xauthrequest.
  'oauth2-proxy (--reverse-proxy)': {
    path: '/oauth2/auth',
    read(headers) {
      const [uri, address, host] = ['x-forwarded-uri', 'x-real-ip', 'x-forwarded-host'].map((name) =>
        text(headers[name]),
      )
      if (!uri?.startsWith('/') || !address || !host) return 400
      const url = new URL(uri, `https://${host}`)
      return { url, method: text(headers['x-forwarded-method']) ?? 'GET', login: headers.authorization }
    },
    letsIn: (user) => ({
      status: 202,
      headers: { 'X-Auth-Request-User': user, 'X-Auth-Request-Email': 'a@b.example' },
    }),
    asksForLogin: 401,
  },
  'a service as Traefik’s and Caddy’s manuals have it': {
    path: '/auth?realm=git',
    read(headers) {
      const asked = readForwarded(headers)
      return asked ? { ...asked, login: headers.authorization } : 400
    },
    letsIn: (user) => ({ status: 204, headers: { 'X-Forwarded-User': user } }),
    asksForLogin: 401,
  },
}

type Seen = { readonly path: string; readonly headers: IncomingHttpHeaders }

async function startService(service: Service): Promise<AsyncDisposable & { url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = await serveHttp((incoming, outgoing) => {
    seen.push({ path: incoming.url ?? '', headers: incoming.headers })
    const { status, headers = {} } = answerOf(service, incoming.headers)
    outgoing.writeHead(status, headers).end()
  })
  return { ...server, seen, url: `http://127.0.0.1:${server.port}${service.path}` }
}

/**
 * Rights by address alone, as such services have them. The query or the path tells whether the request is for a push.
 */
function answerOf(service: Service, headers: IncomingHttpHeaders): Answer {
  const asked = service.read(headers)
  if (typeof asked === 'number') return { status: asked }
  const { url, method, login } = asked
  const isPush = url.searchParams.get('service') === 'git-receive-pack' || url.pathname.endsWith('/git-receive-pack')
  if (url.host !== 'git.example.org' || (method === 'POST') !== /git-(upload|receive)-pack$/.test(url.pathname)) {
    return { status: 500 }
  }
  const user = login === good ? 'ann' : undefined
  if (login !== undefined && user === undefined) return { status: service.asksForLogin }
  if (user !== undefined && url.pathname.startsWith('/team/')) return service.letsIn(user)
  if (!isPush && url.pathname.startsWith('/public/')) return user ? service.letsIn(user) : { status: 200 }
  return { status: user ? 403 : service.asksForLogin }
}

async function startWith(url: string, env: Record<string, string> = {}): Promise<Stack> {
  const stack = await startStack({
    SLUICE_ACCESS: 'forward',
    SLUICE_ACCESS_SERVICE: url,
    SLUICE_ACCESS_SERVICE_TIMEOUT: '1m',
    SLUICE_PUBLIC_URL: 'https://git.example.org',
    ...env,
  })
  for (const name of ['team/app.git', 'public/one.git', 'other/none.git']) {
    await mkdir(join(stack.root, name), { recursive: true })
    await git(join(stack.root, name), ['init', '--quiet', '--bare', '.'])
    await importHistory(join(stack.root, name), 1)
  }
  return stack
}

/** Headers that a client may write to pass for somebody else. */
const lies = {
  'X-Original-URL': 'https://git.example.org/public/one.git/info/refs?service=git-upload-pack',
  'X-Original-URI': '/public/one.git',
  'X-Original-Method': 'HEAD',
  'X-Forwarded-Method': 'HEAD',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'public.example.org',
  'X-Forwarded-Uri': '/public/one.git/info/refs?service=git-upload-pack',
  'X-Forwarded-For': '127.0.0.1',
  'X-Real-IP': '127.0.0.1',
  'X-Forwarded-User': 'root',
  'X-Auth-Request-User': 'root',
  'Remote-User': 'root',
  'Proxy-Authorization': good,
  'X-Sluice-Needs': 'read',
  'X-Sluice-Repository': 'public/one',
}

for (const [name, service] of Object.entries(services)) {
  test(`git clones and pushes with ${name}`, async () => {
    await using opened = new AsyncDisposableStack()
    const { url, seen } = opened.use(await startService(service))
    const stack = opened.use(await startWith(url))
    const told = join(stack.folder, 'told')
    await writeHook(join(stack.root, 'team/app.git'), 'pre-receive', `echo "$REMOTE_USER" > '${told}'`)
    const as = (password: string, args: readonly string[], cwd = stack.folder) =>
      tryGit(cwd, ['-c', `credential.helper=!f() { printf "username=ann\\npassword=${password}\\n"; }; f`, ...args])
    const cloned = await as("ann's secret", ['clone', '--quiet', `${stack.url}/team/app.git`, 'app'])
    assert.equal(cloned.code, 0, cloned.stderr)
    const work = join(stack.folder, 'app')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'New'])
    const pushed = await as("ann's secret", ['push', '--quiet', 'origin', 'HEAD:main'], work)
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.equal(await readFile(told, 'utf8'), 'ann\n')
    const wrong = await as('wrong', ['ls-remote', `${stack.url}/team/app.git`])
    assert.match(wrong.stderr, /Authentication failed/)
    assert.equal((await tryGit(stack.folder, ['ls-remote', `${stack.url}/public/one.git`])).code, 0)
    const readOnly = await as("ann's secret", ['push', `${stack.url}/public/one.git`, 'HEAD:main'], work)
    assert.notEqual(readOnly.code, 0)
    assert.notEqual((await as("ann's secret", ['ls-remote', `${stack.url}/other/none.git`])).code, 0)
    assert.ok(seen.every(({ path }) => path === service.path))
    const statuses = new Set(stack.gateway.lines.map(({ reason }) => reason))
    assert.ok(!statuses.has('login_unavailable'), [...statuses].join())

    // A page that everybody reads must not lead to one that only its users read.
    for (const headers of [lies, { ...lies, Authorization: good }] as Record<string, string>[]) {
      const path = '/other/none.git/info/refs?service=git-receive-pack'
      const before = seen.length
      const reply = await ask(stack.gateway.address, path, { headers })
      assert.equal(reply.status, 'Authorization' in headers ? 404 : 401, reply.body)
      const { headers: asked } = seen[before]!
      const values = Object.values(asked).join('\n')
      assert.doesNotMatch(values, /public|HEAD|root/)
      assert.deepEqual(
        [asked['x-original-url'], asked['x-forwarded-uri'], asked['x-forwarded-method'], asked['x-sluice-needs']],
        [`https://git.example.org${path}`, path, 'GET', 'write'],
      )
    }
  })
}

describe('what a service is told of a request', () => {
  const open: Service = { ...services['a service as Traefik’s and Caddy’s manuals have it']!, path: '/' }

  test('the address is the one that will be opened, however it was written', async () => {
    await using opened = new AsyncDisposableStack()
    const { url, seen } = opened.use(await startService(open))
    const stack = opened.use(await startWith(url))
    for (const [sent, told] of [
      ['/%74eam/app.git/info/refs?service=git-upload-pack', '/team/app.git/info/refs?service=git-upload-pack'],
      [
        '/team%2Fapp.git/info/refs?x=1&service=git-upload-pack&service=y',
        '/team/app.git/info/refs?service=git-upload-pack',
      ],
      [
        '/team/%C3%A4%20%3F.git/info/refs?service=git-receive-pack',
        '/team/%C3%A4%20%3F.git/info/refs?service=git-receive-pack',
      ],
    ] as const) {
      await ask(stack.gateway.address, sent)
      assert.equal(seen.at(-1)!.headers['x-forwarded-uri'], told)
    }
  })

  test('only a trusted proxy is believed about scheme and client', async () => {
    await using opened = new AsyncDisposableStack()
    const { url, seen } = opened.use(await startService(open))
    const stack = opened.use(await startWith(url, { SLUICE_PUBLIC_URL: 'off' }))
    const proxied = await stack.addGateway({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
    const headers = {
      'Host': 'Git.Example.org:8443',
      'X-Forwarded-For': '192.0.2.7',
      'X-Forwarded-Proto': 'http, https',
      'X-Forwarded-Host': 'public.example.org',
    }
    const toldBy = async (address: string, more = {}) => {
      await ask(address, '/team/app.git/info/refs?service=git-upload-pack', { headers: { ...headers, ...more } })
      const { headers: asked } = seen.at(-1)!
      return ['x-original-url', 'x-forwarded-for', 'x-real-ip'].map((name) => asked[name])
    }
    const rest = '://git.example.org:8443/team/app.git/info/refs?service=git-upload-pack'
    assert.deepEqual(await toldBy(stack.gateway.address), [`http${rest}`, '127.0.0.1', '127.0.0.1'])
    assert.deepEqual(await toldBy(proxied.address), [`https${rest}`, '192.0.2.7', '192.0.2.7'])
    const forwarded = await stack.addGateway({
      SLUICE_TRUSTED_PROXIES: '127.0.0.1',
      SLUICE_FORWARDED_HEADER: 'forwarded',
    })
    const more = { Forwarded: 'for=192.0.2.9;proto=http, for=192.0.2.8;host=x;proto=https' }
    assert.deepEqual(await toldBy(forwarded.address, more), [`https${rest}`, '192.0.2.8', '192.0.2.8'])
  })

  test('an answer is remembered for the same question only, cookies included', async () => {
    await using opened = new AsyncDisposableStack()
    const { url, seen } = opened.use(await startService(open))
    const stack = opened.use(await startWith(url, { SLUICE_ACCESS_SERVICE_CACHE: '1h' }))
    const path = '/team/app.git/info/refs?service=git-upload-pack'
    const send = (headers: Record<string, string>) => ask(stack.gateway.address, path, { headers })
    for (const headers of [{}, { Cookie: 'session=1' }] as Record<string, string>[]) {
      const before = seen.length
      for (let n = 0; n < 3; n++) assert.equal((await send({ Authorization: good, ...headers })).status, 200)
      assert.equal(seen.length, before + 1)
      assert.equal(seen.at(-1)!.headers.cookie, headers['Cookie'])
    }
    assert.equal((await send({ Cookie: 'session=1' })).status, 401)
  })

  test('a token that a service returns as the user name is written nowhere', async () => {
    await using opened = new AsyncDisposableStack()
    const secret = 'glpat-0123456789abcdefghij'
    const echo: Service = {
      path: '/',
      read: () => ({ method: 'GET', url: new URL('https://git.example.org/team/x'), login: good }),
      letsIn: () => ({ status: 200, headers: { 'Remote-User': secret } }),
      asksForLogin: 401,
    }
    const { url } = opened.use(await startService(echo))
    const stack = opened.use(await startWith(url))
    for (const login of [
      basic(secret, 'x-oauth-basic'),
      basic('oauth2', secret),
      `Bearer ${secret}`,
      basic(secret, ''),
    ]) {
      await ask(stack.gateway.address, '/team/app.git/info/refs?service=git-upload-pack', {
        headers: { Authorization: login },
      })
    }
    assert.ok(stack.gateway.lines.some(({ user }) => /^token-[0-9a-f]{12}$/.test(String(user))))
    assert.ok(!JSON.stringify([stack.gateway.lines, stack.supervisor.lines]).includes(secret))
  })
})

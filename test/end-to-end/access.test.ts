import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RequestListener } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { exportJWK, SignJWT } from 'jose'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import type { Reply } from '@sluice/shared/testing/http'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Who may do what, in each mode: with real git, and with credentials of every wrong kind. */

const rules = `
groups:
  team: [ann]
rules:
  - repositories: [public/**]
    read: anyone
    write: users
  - repositories: team/shown
    read: [ben]
    write: '@team'
  - repositories: team/**
    write: '@team'
    create: ann
  - repositories: '**'
    write: ann
`

/** What the tokens and the service of these tests let the same two do. */
const scopes = {
  ann: 'repo:read repo:write repo:create:team/** openid',
  ben: 'repo:write:public/** repo:read:team/shown',
}
type User = keyof typeof scopes

const issuer = 'https://id.example'
const audience = 'sluice'
const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })

type Token = { user?: string; key?: KeyObject; expires?: string; kid?: string; claims?: Record<string, unknown> }

async function token({ user = 'ann', key = signer.privateKey, expires = '1h', kid = 'k1', claims = {} }: Token = {}) {
  return await new SignJWT({ scope: scopes[user as User], ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(user)
    .setExpirationTime(expires)
    .sign(key)
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** A service as an operator would have one. It knows two users, and rights by name. */
async function startService(): Promise<AsyncDisposable & { url: string; asked: string[] }> {
  const asked: string[] = []
  const server = await serveHttp((incoming, outgoing) => {
    const repository = decodeURIComponent(String(incoming.headers['x-sluice-repository']))
    const needs = incoming.headers['x-sluice-needs']
    const { authorization } = incoming.headers
    asked.push(`${String(needs)} ${repository}`)
    if (repository.startsWith('slow/')) return
    const fault = { down: 500, moved: 302 }[repository.split('/')[0]!]
    const user = (['ann', 'ben'] as const).find((name) => authorization === basic(name, `${name}'s secret`))
    const mayRead = repository.startsWith('public/') || (user === 'ben' && repository === 'team/shown')
    const may = user === 'ann' || (needs === 'read' ? mayRead : user === 'ben' && repository.startsWith('public/'))
    const isWrong = authorization !== undefined && user === undefined
    const status = fault ?? (isWrong ? 401 : may ? 200 : user ? 403 : 401)
    const create = user === 'ann' && repository.startsWith('team/') ? { 'X-Sluice-Create': 'yes' } : {}
    outgoing.writeHead(status, { ...create, ...(user && { 'Remote-User': user }) }).end('ignored')
  })
  return { ...server, asked, url: `http://127.0.0.1:${server.port}/allowed` }
}

type Mode = {
  readonly name: 'file' | 'jwt' | 'forward'
  /** @returns the settings; what is opened here lives as long as the stack */
  open(folder: string, opened: AsyncDisposableStack): Promise<Record<string, string>>
  /** A valid header for this user. */
  login(user: User): Promise<string>
  /** The password that git sends for this user. */
  password(user: User): Promise<string>
  /** Headers that must let nobody in, besides those that are wrong in every mode. */
  bad(): Promise<Record<string, string>>
  readonly anyoneReadsPublic: boolean
}

const secretOf = async (user: User) => `${user}'s secret`

const modes: readonly Mode[] = [
  {
    name: 'file',
    anyoneReadsPublic: true,
    async open(folder) {
      const files = { SLUICE_PASSWORD_FILE: join(folder, 'htpasswd'), SLUICE_ACCESS_FILE: join(folder, 'access.yaml') }
      const lines = await Promise.all(
        (['ann', 'ben'] as const).map(async (user) => `${user}:${await hash(await secretOf(user), 4)}`),
      )
      await writeFile(files.SLUICE_PASSWORD_FILE, `${lines.join('\n')}\n`)
      await writeFile(files.SLUICE_ACCESS_FILE, rules)
      return { SLUICE_ACCESS: 'file', ...files }
    },
    login: async (user) => basic(user, await secretOf(user)),
    password: secretOf,
    bad: async () => ({
      'a token': `Bearer ${await token()}`,
      'a wrong password': basic('ann', "ann's secreT"),
      'a user that there is not': basic('eve', "ann's secret"),
      'a user of another case': basic('Ann', "ann's secret"),
      "another user's password": basic('ann', "ben's secret"),
    }),
  },
  {
    name: 'jwt',
    anyoneReadsPublic: false,
    async open(folder) {
      const keys = join(folder, 'keys.json')
      const jwk = { ...(await exportJWK(signer.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
      await writeFile(keys, JSON.stringify({ keys: [jwk] }))
      return {
        SLUICE_ACCESS: 'jwt',
        SLUICE_JWT_KEYS: keys,
        SLUICE_JWT_ISSUER: issuer,
        SLUICE_JWT_AUDIENCE: audience,
        SLUICE_JWT_CLOCK_SKEW: '10s',
      }
    },
    login: async (user) => `Bearer ${await token({ user })}`,
    password: (user) => token({ user }),
    async bad() {
      const unsigned = [
        { alg: 'none' },
        { iss: issuer, aud: audience, sub: 'ann', exp: 9_999_999_999, scope: 'repo:write' },
      ]
      const parts = unsigned.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      const pem = signer.publicKey.export({ type: 'spki', format: 'pem' })
      const confused = [Buffer.from('{"alg":"HS256","kid":"k1"}').toString('base64url'), parts[1]].join('.')
      const good = await token()
      return {
        'expired': `Bearer ${await token({ expires: '-1m' })}`,
        'for half a character, which no header can name': `Bearer ${await forHalf()}`,
        'without an end': `Bearer ${await token({ claims: {} }).then(async () => withoutEnd())}`,
        'not valid yet': `Bearer ${await token({ claims: { nbf: Math.floor(Date.now() / 1000) + 600 } })}`,
        'alg none': `Bearer ${parts.join('.')}.`,
        'alg none as a password': basic('ann', `${parts.join('.')}.`),
        'the public key as a shared secret': `Bearer ${confused}.${createHmac('sha256', pem).update(confused).digest('base64url')}`,
        'a wrong key': `Bearer ${await token({ key: stranger.privateKey })}`,
        'a key that is not known': `Bearer ${await token({ key: stranger.privateKey, kid: 'k2' })}`,
        'another audience': `Bearer ${await token({ claims: { aud: 'else' } }).then(() => forElse())}`,
        'a changed token': `Bearer ${good.split('.')[0]}.${Buffer.from(JSON.stringify({ ...unsigned[1], sub: 'eve' })).toString('base64url')}.${good.split('.')[2]}`,
        'a password': basic('ann', "ann's secret"),
        'nonsense': 'Bearer a.b.c',
      }
    },
  },
  {
    name: 'forward',
    anyoneReadsPublic: true,
    async open(_folder, opened) {
      const service = opened.use(await startService())
      return { SLUICE_ACCESS: 'forward', SLUICE_ACCESS_SERVICE: service.url, SLUICE_ACCESS_SERVICE_TIMEOUT: '1m' }
    },
    login: async (user) => basic(user, await secretOf(user)),
    password: secretOf,
    bad: async () => ({ 'a wrong password': basic('ann', 'wrong'), "another user's": basic('ann', "ben's secret") }),
  },
]

async function withoutEnd(): Promise<string> {
  const unbounded = new SignJWT({ scope: scopes.ann }).setProtectedHeader({ alg: 'ES256', kid: 'k1' })
  return await unbounded.setIssuer(issuer).setAudience(audience).setSubject('ann').sign(signer.privateKey)
}

async function forHalf(): Promise<string> {
  const half = new SignJWT({ scope: scopes.ann }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuer(issuer)
  return await half.setAudience(audience).setSubject('a\ud800').setExpirationTime('5m').sign(signer.privateKey)
}

async function forElse(): Promise<string> {
  const other = new SignJWT({ scope: scopes.ann }).setProtectedHeader({ alg: 'ES256', kid: 'k1' })
  const signed = other.setIssuer(issuer).setAudience('else').setSubject('ann').setExpirationTime('5m')
  return await signed.sign(signer.privateKey)
}

const badEverywhere = {
  'no header': undefined,
  'another scheme': 'Digest username="ann"',
  'a scheme alone': 'Basic',
  'broken base64': 'Basic !!!!',
  'base64 of the other alphabet': 'Basic YW5uOnNlY3JldF8-_w',
  'no colon': `Basic ${Buffer.from('ann').toString('base64')}`,
  'an empty password': basic('ann', ''),
  'nobody and nothing': basic('', ''),
  'a token that is none, as a user name': basic('x'.repeat(40), ''),
  'a token that is none, and nothing else': `Basic ${Buffer.from('x'.repeat(40)).toString('base64')}`,
  'a token that is none, for GitHub': basic('x'.repeat(40), 'x-oauth-basic'),
  'a token that is none, as a password': basic('x-access-token', 'x'.repeat(40)),
  'a control character': basic('an\u0000n', 'x'),
  'a line feed': basic('ann', "ann's secret\n"),
  'bytes that are not UTF-8': `Basic ${Buffer.from([0x61, 0x3a, 0xff, 0xfe]).toString('base64')}`,
  'two log-ins': `${basic('ann', 'x')}, ${basic('ann', 'y')}`,
  'a long user name': basic('a'.repeat(5000), 'x'),
}

/** Names of a private repository, and names that look like one. */
const privateNames = [
  'team/secret.git',
  'team/secret',
  'team/secret/.git',
  '%74eam/secret.git',
  'team%2Fsecret.git',
  'TEAM/secret.git',
  'team/SECRET.git',
  'public%2F..%2Fteam%2Fsecret.git',
  'public/../team/secret.git',
  'public/./../team/secret.git',
  'team//secret.git',
  'team/%2e/secret.git',
  'team%252Fsecret.git',
  'team/secret.git.git',
  'team/nothing-here.git',
]

const requestsFor = (name: string) =>
  [
    { path: `/${name}/info/refs?service=git-upload-pack`, method: 'GET' },
    { path: `/${name}/info/refs?service=git-receive-pack`, method: 'GET' },
    { path: `/${name}/archive/main.zip`, method: 'GET' },
    { path: `/${name}/git-upload-pack`, method: 'POST', type: 'upload-pack' },
    { path: `/${name}/git-receive-pack`, method: 'POST', type: 'receive-pack' },
  ] as const

let lastAddress = 0

/** Sends each request from an address of its own, because failures slow down the next attempt from the same address. */
async function send(
  stack: Stack,
  { path, method, type }: { path: string; method: string; type?: string },
  login?: string,
) {
  const n = lastAddress++
  return await ask(stack.gateway.address, path, {
    method,
    headers: {
      'X-Forwarded-For': `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
      ...(type && { 'Content-Type': `application/x-git-${type}-request` }),
      ...(login !== undefined && { Authorization: login }),
    },
    ...(type && { body: '0000' }),
  })
}

/** The parts of a reply that could tell one repository from another. */
function visible({ status, headers, body }: Reply) {
  const { 'x-request-id': _id, 'date': _date, ...others } = headers
  return { status, others, body }
}

for (const mode of modes) {
  describe(`access by ${mode.name}`, () => {
    let stack: Stack
    const opened = new AsyncDisposableStack()
    before(async () => {
      const { path } = opened.use(await temporaryFolder())
      const env = await mode.open(path, opened)
      stack = opened.use(await startStack({ SLUICE_TRUSTED_PROXIES: '127.0.0.1', ...env }))
      for (const name of ['public/one.git', 'team/secret.git', 'team/shown.git']) {
        await mkdir(join(stack.root, name), { recursive: true })
        await git(join(stack.root, name), ['init', '--quiet', '--bare', '.'])
        await importHistory(join(stack.root, name), 2)
      }
    })
    after(() => opened.disposeAsync())

    /** git as a user with a credential helper. */
    const as = async (user: User | undefined, args: readonly string[], cwd = stack.folder) => {
      const answer =
        user && `username=${mode.name === 'jwt' ? 'token' : user}\\npassword=${await mode.password(user)}\\n`
      const helper = answer === undefined ? '' : `!f() { printf "${answer}"; }; f`
      return await tryGit(cwd, ['-c', `credential.helper=${helper}`, ...args])
    }

    test('git clones and pushes what its user may, and nothing else', async () => {
      const url = (name: string) => `${stack.url}/${name}`
      const clone = await as('ann', ['clone', '--quiet', url('team/secret.git'), 'anns'])
      assert.equal(clone.code, 0, clone.stderr)
      const work = join(stack.folder, 'anns')
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'By ann'])
      assert.equal((await as('ann', ['push', '--quiet', 'origin', 'HEAD:main'], work)).code, 0)
      assert.equal(await git(join(stack.root, 'team/secret.git'), ['log', '-1', '--format=%s', 'main']), 'By ann')

      const bens = await as('ben', ['clone', '--quiet', url('team/secret.git'), 'bens'])
      assert.notEqual(bens.code, 0)
      assert.match(bens.stderr, /There is no repository of this name that you may read/)
      const shown = await as('ben', ['clone', '--quiet', url('team/shown.git'), 'shown'])
      assert.equal(shown.code, 0, shown.stderr)
      const push = await as('ben', ['push', 'origin', 'HEAD:new'], join(stack.folder, 'shown'))
      assert.notEqual(push.code, 0)
      assert.match(push.stderr, /You may read this repository, but not push to it|no repository of this name/)
      assert.equal(await git(join(stack.root, 'team/shown.git'), ['branch', '--format=%(refname)']), 'refs/heads/main')

      const nobodys = await as(undefined, ['clone', '--quiet', url('team/shown.git'), 'nobodys'])
      assert.notEqual(nobodys.code, 0)
      assert.match(nobodys.stderr, /could not read Username|Authentication failed/)
      const open = await as(undefined, ['clone', '--quiet', url('public/one.git'), 'open'])
      assert.equal(open.code === 0, mode.anyoneReadsPublic, open.stderr)
    })

    test('creating a repository is a right of its own', async () => {
      const work = join(stack.folder, 'anns-new')
      await git(stack.folder, ['init', '--quiet', work])
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
      const created = await as('ann', ['push', `${stack.url}/team/new.git`, 'HEAD:main'], work)
      assert.equal(created.code, 0, created.stderr)
      const refused = await as('ann', ['push', `${stack.url}/other/new.git`, 'HEAD:main'], work)
      assert.notEqual(refused.code, 0)
      assert.match(refused.stderr, /a push does not create one here/)
      const bens = await as('ben', ['push', `${stack.url}/public/new.git`, 'HEAD:main'], work)
      assert.notEqual(bens.code, 0)
      assert.match(bens.stderr, /a push does not create one here/)
    })

    test('hooks learn who pushes, and nobody can pass for another user', async () => {
      const repository = join(stack.root, 'public/hooked.git')
      await mkdir(repository)
      await git(repository, ['init', '--quiet', '--bare', '.'])
      const told = join(stack.folder, 'told')
      await writeHook(repository, 'pre-receive', `echo "$REMOTE_USER" > '${told}'`)
      const work = join(stack.folder, 'hooked')
      await git(stack.folder, ['init', '--quiet', work])
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
      const forged = ['Sluice-User', 'Remote-User', 'X-Forwarded-User', 'X-Remote-User'].flatMap((name) => [
        '-c',
        `http.extraHeader=${name}: root`,
      ])
      const pushed = await as('ben', [...forged, 'push', `${stack.url}/public/hooked.git`, 'HEAD:main'], work)
      assert.equal(pushed.code, 0, pushed.stderr)
      assert.equal(await readFile(told, 'utf8'), 'ben\n')
      const line = await stack.supervisor.line(
        (found) => found['repository'] === 'public/hooked.git' && found['kind'] === 'rpc',
      )
      assert.deepEqual([line['user'], line['outcome']], ['ben', 'completed'])
    })

    test('wrong credentials let nobody in, start nothing, and tell nothing', async () => {
      // Requests of the tests before this one may not have ended yet.
      await until('the host to be quiet', async () => (await stack.status()).requestsInAll === 0)
      for (const [what, login] of Object.entries({ ...badEverywhere, ...(await mode.bad()) })) {
        const [secret, missing] = ['team/secret.git', 'team/nothing-here.git'].map((name) => requestsFor(name))
        for (const [index, request] of secret!.entries()) {
          const reply = await send(stack, request, login)
          assert.equal(reply.status, 401, `${what}: ${request.path}`)
          assert.match(String(reply.headers['www-authenticate']), /^Basic realm="Sluice"/, what)
          const other = await send(stack, missing![index]!, login)
          assert.deepEqual(visible(other), visible(reply), what)
        }
      }
      assert.equal((await stack.status()).requestsInAll, 0)
    })

    test('a header of a megabyte is refused in words, and the gateway goes on serving', async () => {
      const [request] = requestsFor('team/secret.git')
      const reply = await send(stack, request, `Bearer ${'a'.repeat(2 ** 20)}`).catch((error: Error) => error)
      assert.ok(reply instanceof Error || reply.status === 431)
      assert.equal((await send(stack, request, await mode.login('ann'))).status, 200)
    })

    test('no spelling of a name leads to a repository that its user may not read', async () => {
      const login = await mode.login('ben')
      // Requests of the tests before this one may not have ended yet.
      await until('the host to be quiet', async () => (await stack.status()).requestsInAll === 0)
      for (const name of privateNames) {
        for (const request of requestsFor(name)) {
          const { status } = await send(stack, request, login)
          assert.ok(status === 404 || status === 400, `${request.path}: ${status}`)
        }
      }
      assert.equal((await stack.status()).requestsInAll, 0)
      const secret = await send(stack, requestsFor('team/secret.git')[0], login)
      const missing = await send(stack, requestsFor('team/nothing-here.git')[0], login)
      assert.deepEqual(visible(secret), visible(missing))
      // For a missing repository, the host answers users who may read everything in the same words.
      const hosts = await send(stack, requestsFor('team/nothing-here.git')[0], await mode.login('ann'))
      assert.deepEqual(visible(hosts), visible(missing))
    })

    test('rules take every spelling of a name that git allows for the same repository', async () => {
      const login = await mode.login('ann')
      for (const name of ['team/secret.git', 'team/secret', '%74eam/secret.git', 'team%2Fsecret.git']) {
        assert.equal((await send(stack, requestsFor(name)[0], login)).status, 200, name)
      }
    })

    test('a client that guesses is slowed down, and others at the same address are not', async () => {
      const headers = (login: string) => ({ 'X-Forwarded-For': '192.0.2.7', 'Authorization': login })
      const path = '/team/secret.git/info/refs?service=git-upload-pack'
      const login = await mode.login('ann')
      assert.equal((await ask(stack.gateway.address, path, { headers: headers(login) })).status, 200)
      const replies: Reply[] = []
      for (let n = 0; n < 4; n++) {
        replies.push(await ask(stack.gateway.address, path, { headers: headers(basic('ann', `guess ${n}`)) }))
      }
      assert.ok(replies.every(({ status }) => status === 401))
      const more = await Promise.all(
        Array.from({ length: 10 }, async (_, n) =>
          ask(stack.gateway.address, path, { headers: headers(basic('ann', `more ${n}`)) }),
        ),
      )
      assert.ok(more.every(({ status }) => status === 401 || status === 429))
      const shed = more.find(({ status }) => status === 429)
      assert.ok(shed, 'Nobody was refused at once.')
      assert.ok(Number(shed.headers['retry-after']) >= 1)
      const known = await ask(stack.gateway.address, path, { headers: headers(login) })
      assert.equal(known.status, 200)
    })
  })
}

/** The ways in which people send a token, as the manuals of large forges describe them. */
const waysToSend: Record<string, (token: string) => string> = {
  'Bearer': (sent) => `Bearer ${sent}`,
  'bearer in lower case': (sent) => `bearer ${sent}`,
  'TOKEN:x-oauth-basic': (sent) => basic(sent, 'x-oauth-basic'),
  'TOKEN:': (sent) => basic(sent, ''),
  'TOKEN': (sent) => `Basic ${Buffer.from(sent).toString('base64')}`,
  'TOKEN:anything': (sent) => basic(sent, 'anything'),
  ':TOKEN': (sent) => basic('', sent),
  'x-access-token:TOKEN': (sent) => basic('x-access-token', sent),
  'x-token-auth:TOKEN': (sent) => basic('x-token-auth', sent),
  'oauth2:TOKEN': (sent) => basic('oauth2', sent),
  'git:TOKEN': (sent) => basic('git', sent),
  'ann:TOKEN': (sent) => basic('ann', sent),
  'anything:TOKEN': (sent) => basic('any thing, ä', sent),
}

test('a token is taken however it is sent; every wrong token gets the same answer; no token is ever in a log', async () => {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const stack = opened.use(
    await startStack({
      ...(await modes[1]!.open(path, opened)),
      SLUICE_TRUSTED_PROXIES: '127.0.0.1',
      SLUICE_LOG_LEVEL: 'trace',
    }),
  )
  await git(stack.root, ['init', '--quiet', '--bare', 'r.git'])
  const request = requestsFor('r.git')[0]
  // Long names and many claims make long tokens.
  const good = await token({ claims: { groups: Array(40).fill('a-group-of-people') } })
  const bad = await token({ key: stranger.privateKey })
  const answers = new Set<string>()
  for (const [way, sent] of Object.entries(waysToSend)) {
    assert.equal((await send(stack, request, sent(good))).status, 200, way)
    const wrong = await send(stack, request, sent(bad))
    assert.equal(wrong.status, 401, way)
    answers.add(JSON.stringify(visible(wrong)))
  }
  assert.equal(answers.size, 1, [...answers].join('\n'))
  const helper = `!f() { printf "username=${good}\\npassword=x-oauth-basic\\n"; }; f`
  const listed = await tryGit(stack.folder, ['-c', `credential.helper=${helper}`, 'ls-remote', `${stack.url}/r.git`])
  assert.equal(listed.code, 0, listed.stderr)
  const said = JSON.stringify([stack.gateway.lines, stack.supervisor.lines])
  for (const secret of [good, bad]) assert.ok(!said.includes(secret.slice(-40)))
  assert.ok(stack.gateway.lines.some(({ user }) => user === 'ann'))
  const metrics = await ask(stack.gateway.operations, '/metrics')
  assert.ok(!metrics.body.includes(good.slice(0, 20)))
})

test('six clients that loop with a wrong password lock out nobody behind the same address', async () => {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const env = await modes[0]!.open(path, opened)
  const others = Array.from({ length: 10 }, (_, n) => `other${n}`)
  const lines = await Promise.all(others.map(async (user) => `${user}:${await hash('right', 8)}`))
  await writeFile(env['SLUICE_PASSWORD_FILE']!, `ann:${await hash('right', 8)}\n${lines.join('\n')}\n`)
  const stack = opened.use(await startStack(env))
  await git(stack.root, ['init', '--quiet', '--bare', 'public/one.git'])
  const { path: asked } = requestsFor('public/one.git')[0]
  const login = (user: string, password: string) =>
    ask(stack.gateway.address, asked, { headers: { Authorization: basic(user, password) } })
  assert.equal((await login('ann', 'right')).status, 200)
  const over = new AbortController()
  let failed = 0
  const loops = Array.from({ length: 6 }, async (_, n) => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const { status } = await login(n % 2 === 0 ? 'ann' : `robot${n}`, n < 3 ? 'old' : `guess ${turn}`)
      assert.ok(status === 401 || status === 429, String(status))
      failed++
    }
  })
  await until('many to have failed', () => failed > 20)
  // A log-in that was right before is answered while guesses wait.
  for (let turn = 0; turn < 20; turn++) assert.equal((await login('ann', 'right')).status, 200)
  const statuses = await Promise.all(others.map(async (user) => (await login(user, 'right')).status))
  over.abort()
  assert.deepEqual(statuses, Array(10).fill(200))
  await Promise.all(loops)
})

test('a broken rules file changes nothing and is logged; a mended one counts at once', async () => {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const env = await modes[0]!.open(path, opened)
  const stack = opened.use(await startStack(env))
  await git(stack.root, ['init', '--quiet', '--bare', 'secret.git'])
  const request = requestsFor('secret.git')[0]
  const login = basic('ben', "ben's secret")
  assert.equal((await send(stack, request, login)).status, 404)
  await writeFile(env['SLUICE_ACCESS_FILE']!, 'rules: [{repositories: "**", write: "@nobody"}]\n')
  const told = await stack.gateway.line(({ msg }) => String(msg).includes('no group of the name'))
  assert.match(String(told['msg']), /the old users and rules stay in force/)
  assert.equal((await send(stack, request, login)).status, 404)
  assert.equal((await send(stack, request, basic('ann', "ann's secret"))).status, 200)
  await writeFile(env['SLUICE_ACCESS_FILE']!, 'rules: [{repositories: "**", read: users}]\n')
  await until('the new rules', async () => (await send(stack, request, login)).status === 200)
  await writeFile(env['SLUICE_PASSWORD_FILE']!, `ann:${await hash('new', 4)}\n`)
  await until('the new users', async () => (await send(stack, request, login)).status === 401)
})

test('a service that is down, slow or elsewhere lets nobody in', async () => {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const env = await modes[2]!.open(path, opened)
  const stack = opened.use(await startStack({ ...env, SLUICE_ACCESS_SERVICE_TIMEOUT: '300ms' }))
  for (const folder of ['down', 'slow', 'moved']) {
    await mkdir(join(stack.root, folder))
    await git(join(stack.root, folder), ['init', '--quiet', '--bare', 'r.git'])
    for (const login of [undefined, basic('ann', "ann's secret")]) {
      const reply = await send(stack, requestsFor(`${folder}/r.git`)[0], login)
      assert.equal(reply.status, 503, folder)
      assert.equal(reply.headers['sluice-reason'], 'login_unavailable')
      assert.equal(reply.headers['retry-after'], '1')
    }
  }
  assert.equal((await stack.status()).requestsInAll, 0)
})

test('while keys cannot be fetched, known keys stay valid; without any key, tokens are neither accepted nor rejected', async () => {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  let isUp = true
  const jwk = { ...(await exportJWK(createPublicKey(signer.privateKey))), kid: 'k1', alg: 'ES256' }
  const answer: RequestListener = (_, outgoing) => {
    if (isUp) outgoing.end(JSON.stringify({ keys: [jwk] }))
    else outgoing.writeHead(500).end()
  }
  const { port } = opened.use(await serveHttp(answer))
  const address = `http://127.0.0.1:${port}/keys`
  const env = { ...(await modes[1]!.open(path, opened)), SLUICE_JWT_KEYS: address }
  const stack = opened.use(await startStack(env))
  await git(stack.root, ['init', '--quiet', '--bare', 'r.git'])
  const request = requestsFor('r.git')[0]
  const unknown = `Bearer ${await token({ key: stranger.privateKey, kid: 'k2' })}`
  assert.equal((await send(stack, request, unknown)).status, 401)
  isUp = false
  assert.equal((await send(stack, request, `Bearer ${await token()}`)).status, 200)

  const down = opened.use(await startStack(env))
  await git(down.root, ['init', '--quiet', '--bare', 'r.git'])
  const reply = await send(down, request, `Bearer ${await token()}`)
  assert.equal(reply.status, 503)
  assert.equal(reply.headers['sluice-reason'], 'login_unavailable')
  const ready = await ask(down.gateway.address, '/readyz')
  assert.equal(ready.status, 503)
  assert.match(ready.body, /no keys for tokens/)
})

test('by default, everyone is let in on an address of this machine only', async () => {
  const starts = async (env: Record<string, string>) => {
    await using stack = await startStack({}, { gateway: { SLUICE_LISTEN: '0.0.0.0:0', ...env } })
    return stack.gateway.address !== ''
  }
  await assert.rejects(starts({}), /ended with 78/)
  assert.ok(await starts({ SLUICE_OPEN_TO_NETWORK: 'everyone on this network may read and push' }))
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { connect as connectHttp2, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import type { Authority } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask, sendRaw, target } from '@sluice/shared/testing/http'
import { connectFrames, resetCodeOf } from '@sluice/shared/testing/http2-frames'
import type { FrameClient } from '@sluice/shared/testing/http2-frames'
import { fetchOf, largeRepository } from '@sluice/shared/testing/requests'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** The gateway with TLS: git over HTTP/2 and over HTTP/1.1, clients that come and go, and certificates that change. */

const skip = noCertificates ?? false

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.sh`, import.meta.url))

const advertisement = '/project.git/info/refs?service=git-upload-pack'

type Secured = AsyncDisposable & {
  readonly stack: Stack
  readonly root: Authority
  /** The files that the gateway reads. */
  readonly pair: { readonly certificate: string; readonly key: string }
  /** Opens an HTTP/2 connection. */
  session(): Promise<ClientHttp2Session>
}

async function startSecured(env: Record<string, string> = {}): Promise<Secured> {
  await using started = new AsyncDisposableStack()
  const { path } = started.use(await temporaryFolder())
  const root = newAuthority(path)
  const pair = await root.issue('gateway')
  const stack = started.use(
    await startStack({ SLUICE_TLS_CERTIFICATE: pair.certificate, SLUICE_TLS_KEY: pair.key, ...env }),
  )
  const parts = started.move()
  return {
    stack,
    root,
    pair,
    async session() {
      const session = connectHttp2(stack.url, { ca: await readFile(root.certificate) })
      session.on('error', () => {})
      parts.defer(() => session.destroy())
      await once(session, 'connect')
      return session
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function startWithFixture(name: string, env: Record<string, string> = {}): Promise<Secured> {
  const secured = await startSecured({ SLUICE_GIT: fixture(name), SLUICE_KILL_GRACE: '300ms', ...env })
  await git(secured.stack.folder, ['init', '--quiet', '--bare', join(secured.stack.root, 'project.git')])
  return secured
}

/** Sends a request and returns its stream when the reply's headers have come. */
async function begin(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders }> {
  const stream = session.request({ ':path': advertisement, ...headers })
  stream.on('error', () => {})
  const [replied] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return { stream, headers: replied }
}

/**
 * Reads a reply.
 *
 * @returns whether it ended as a whole one, and with which code if not
 */
async function readAll(stream: ClientHttp2Stream): Promise<{ body: string; isWhole: boolean; code: number }> {
  let isWhole = false
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => (isWhole = !stream.aborted))
  if (!stream.destroyed) await new Promise((resolve) => stream.on('close', resolve))
  return { body: Buffer.concat(chunks).toString('latin1'), isWhole, code: stream.rstCode ?? 0 }
}

const theLine = (stack: Stack, id: string) => stack.supervisor.line((line) => line['requestId'] === id)

for (const version of ['HTTP/2', 'HTTP/1.1']) {
  test(`git clones, fetches, pushes and makes shallow clones over ${version}`, { skip }, async () => {
    await using secured = await startSecured()
    const { stack, root } = secured
    const { folder, url } = stack
    const options = ['-c', `http.version=${version}`, '-c', `http.sslCAInfo=${root.certificate}`]
    const over = (cwd: string, args: string[]) => git(cwd, [...options, ...args])
    await git(folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
    await importHistory(join(stack.root, 'project.git'), 50)

    const work = join(folder, 'work')
    const env = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' }
    const cloned = await tryGit(folder, [...options, 'clone', '--quiet', `${url}/project.git`, work], { env })
    assert.equal(cloned.code, 0, cloned.stderr)
    assert.match(cloned.stderr, new RegExp(`${version} 200`))
    assert.equal(await git(work, ['rev-list', '--count', 'HEAD']), '50')

    await over(folder, ['clone', '--quiet', '--depth', '3', `${url}/project.git`, 'shallow'])
    assert.equal(await git(join(folder, 'shallow'), ['rev-list', '--count', 'HEAD']), '3')

    // Above http.postBuffer, git sends the body in pieces, without its length. Over HTTP/2, git with libcurl 7.88 then
    // sometimes waits for ever for another piece after its last one (docs/operate/tls.md).
    if (version === 'HTTP/2') options.push('-c', 'http.postBuffer=16m')
    for (const size of [10, 5 * 2 ** 20]) {
      await writeFile(join(work, 'new'), randomBytes(size))
      await git(work, ['add', '.'])
      await git(work, ['commit', '--quiet', '-m', `${size} bytes`])
      await over(work, ['push', '--quiet', 'origin', 'main'])
      const pushed = await git(join(stack.root, 'project.git'), ['rev-parse', 'main'])
      assert.equal(pushed, await git(work, ['rev-parse', 'HEAD']))
    }
    await over(join(folder, 'shallow'), ['fetch', '--quiet', '--unshallow'])
    assert.equal(await git(join(folder, 'shallow'), ['rev-list', '--count', 'origin/main']), '52')
    const missing = await tryGit(folder, [...options, 'clone', `${url}/missing.git`])
    assert.match(missing.stderr, /There is no repository of this name that you may read/)
    await stack.gateway.line((line) => line['outcome'] === 'refused')
    const outcomes = new Set(stack.gateway.lines.filter((line) => 'requestId' in line).map((line) => line['outcome']))
    assert.deepEqual(
      [...outcomes].toSorted((a, b) => String(a).localeCompare(String(b))),
      ['completed', 'refused'],
    )
    assert.deepEqual(await stack.gitProcesses(), [])
  })
}

test('HTTP/2 can be switched off, and git then uses HTTP/1.1', { skip }, async () => {
  await using secured = await startSecured({ SLUICE_HTTP2: 'off' })
  const { stack, root } = secured
  await git(stack.root, ['init', '--quiet', '--bare', 'project.git'])
  const options = ['-c', 'http.version=HTTP/2', '-c', `http.sslCAInfo=${root.certificate}`]
  const env = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' }
  const { code, stderr } = await tryGit(stack.folder, [...options, 'ls-remote', `${stack.url}/project.git`], { env })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /HTTP\/1\.1 200/)
})

describe('over HTTP/2', { skip }, () => {
  test('a git client that is killed leaves nothing running', async () => {
    await using secured = await startWithFixture('trickles')
    const { stack, root } = secured
    await importHistory(join(stack.root, 'project.git'), 1)
    const options = [
      '-c',
      'http.version=HTTP/2',
      '-c',
      `http.sslCAInfo=${root.certificate}`,
      '-c',
      'protocol.version=0',
    ]
    // In a group of its own, because a child of git speaks HTTP.
    const clone = [...options, 'clone', '--progress', `${stack.url}/project.git`, join(stack.folder, 'clone')]
    const env = { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
    const client = spawn('git', clone, { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    let said = ''
    client.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await until('it to be served', () => said.includes('remote: wait'))
    process.kill(-client.pid!, 'SIGKILL')
    await stack.gateway.line((line) => line['outcome'] === 'client_gone')
    await stack.supervisor.line((line) => line['outcome'] === 'client_gone')
    assert.deepEqual(await stack.gitProcesses(), [])
  })

  test('a stream that is cancelled ends its git, and no other stream of its connection', async () => {
    await using secured = await startWithFixture('writes-forever')
    const { stack } = secured
    const session = await secured.session()
    const cancelled = await begin(session, { 'x-request-id': 'cancelled' })
    const other = await begin(session, { 'x-request-id': 'other' })
    await once(cancelled.stream, 'data')
    cancelled.stream.close(constants.NGHTTP2_CANCEL)
    assert.equal((await theLine(stack, 'cancelled'))['outcome'], 'client_gone')
    assert.equal((await stack.gateway.line((l) => l['requestId'] === 'cancelled'))['outcome'], 'client_gone')
    await once(other.stream, 'data')
    assert.ok(!stack.supervisor.lines.some((line) => line['requestId'] === 'other'))
    session.destroy()
    assert.equal((await theLine(stack, 'other'))['outcome'], 'client_gone')
    assert.deepEqual(await stack.gitProcesses(), [])
  })

  test('a stream that is cancelled while git is silent ends its git, too', async () => {
    await using secured = await startWithFixture('says-nothing')
    const { stack } = secured
    using client = await connectFrames(stack.gateway.address)
    client.request(1, { ':path': advertisement, 'x-request-id': 'silent' })
    await until('git to be at work', async () => (await stack.gitProcesses()).length > 0)
    client.cancel(1)
    assert.equal((await theLine(stack, 'silent'))['outcome'], 'client_gone')
    assert.deepEqual(await stack.gitProcesses(), [])
  })

  test('a client that leaves while it waits, with a large body unread, is noticed', async () => {
    await using secured = await startWithFixture('writes-forever', { SLUICE_FETCH_SLOTS: '1' })
    const { stack } = secured
    const session = await secured.session()
    await begin(session, { 'x-request-id': 'runs' })
    const waits = session.request({
      ':method': 'POST',
      ':path': '/project.git/git-upload-pack',
      'content-type': 'application/x-git-upload-pack-request',
      'x-request-id': 'waits',
    })
    waits.on('error', () => {})
    waits.write(Buffer.alloc(4 * 2 ** 20, '0'))
    await until('it to wait', async () => (await stack.status()).lanes.some(({ waiting }) => waiting > 0))
    waits.close(constants.NGHTTP2_CANCEL)
    assert.equal((await theLine(stack, 'waits'))['outcome'], 'client_gone')
    await until('the lane to be empty', async () => (await stack.status()).lanes.every(({ waiting }) => waiting === 0))
  })

  test('a reply that git could not finish ends with an error, and never looks whole', async () => {
    await using secured = await startWithFixture('dies-mid-pack')
    using client = await connectFrames(secured.stack.gateway.address)
    client.request(1, { ':path': advertisement, 'x-request-id': 'dies' })
    const code = await until('an error', () => resetCodeOf(client, 1))
    assert.equal(code, constants.NGHTTP2_INTERNAL_ERROR)
    const frames = client.received.filter(({ stream }) => stream === 1)
    assert.ok(frames.length > 2)
    assert.ok(!frames.some(({ isLast }) => isLast))
    assert.equal((await theLine(secured.stack, 'dies'))['reason'], 'git_killed')
  })

  test('a client that is refused before its body was read learns why, and may send another request', async () => {
    await using secured = await startSecured()
    const session = await secured.session()
    const stream = session.request({ ':method': 'POST', ':path': '/project.git/git-upload-pack', 'content-type': 'x' })
    stream.on('error', () => {})
    // More than the gateway reads of a refused body.
    let toSend = 20
    const send = () => {
      while (toSend > 0 && stream.writable && stream.write(Buffer.alloc(2 ** 20))) toSend--
    }
    stream.on('drain', send)
    send()
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    assert.equal(headers[':status'], 415)
    const body = await new Promise<string>((resolve) =>
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    assert.match(body, /^The Content-Type must be/)
    for (const name of ['connection', 'transfer-encoding', 'keep-alive']) assert.ok(!(name in headers), name)
    assert.equal((await readAll(stream)).code, constants.NGHTTP2_NO_ERROR)
    const next = await begin(session, { ':path': '/healthz' })
    assert.equal(next.headers[':status'], 200)
  })

  test('a client that reads nothing does not make the gateway buffer more and more', async () => {
    await using secured = await startWithFixture('writes-forever')
    const { stack } = secured
    const session = await secured.session()
    const { stream } = await begin(session, { 'x-request-id': 'stalls' })
    stream.pause()
    const moved = await bytesStopped(stack)
    assert.ok(moved < 8 * 2 ** 20, `${moved} bytes`)
    session.destroy()
    await theLine(stack, 'stalls')
  })

  test('streams that are opened and cancelled in a loop end their connection', async () => {
    await using secured = await startSecured()
    // Not Node's client: it may miss that its connection has ended.
    const client = await connectFrames(secured.stack.gateway.address)
    const ended = once(client.socket, 'close')
    const { operations } = secured.stack.gateway
    const open = async () => /^sluice_connections\{.*\} (\d+)/m.exec((await ask(operations, '/metrics')).body)?.[1]
    let stream = 1
    await until('the connection to be ended', () => {
      for (let n = 0; n < 500 && !client.socket.destroyed; n++, stream += 2) {
        client.request(stream, { ':path': advertisement })
        client.cancel(stream)
      }
      return client.socket.destroyed
    })
    await ended
    await until('the gateway to have closed it, too', async () => (await open()) === '0')
    const other = await secured.session()
    assert.equal((await begin(other, { ':path': '/healthz' })).headers[':status'], 200)
    await until('nothing to run', async () => isQuiet(await secured.stack.status()))
  })

  test('connections without requests are ended', async () => {
    await using secured = await startSecured({ SLUICE_HEADER_TIMEOUT: '3s' })
    const silent = await secured.session()
    await until('its end', () => silent.destroyed)
    const socket = connect(target(secured.stack.gateway.address))
    socket.on('error', () => {})
    await once(socket, 'close')
  })
})

describe('a gateway that is told to stop', { skip }, () => {
  test('lets streams end, and closes connections without any', async () => {
    await using secured = await startWithFixture('waits-for-release')
    const { stack } = secured
    const [idle, busy] = [await secured.session(), await secured.session()]
    const told = once(idle, 'goaway')
    const running = busy.request({ ':path': advertisement, 'x-request-id': 'runs' })
    const replied = once(running, 'response') as Promise<[IncomingHttpHeaders]>
    await until('git to run', async () => (await stack.gitProcesses()).length > 0)
    stack.gateway.signal('SIGTERM')
    await until('the idle connection to end', () => idle.destroyed)
    assert.equal((await told)[0], constants.NGHTTP2_NO_ERROR)
    assert.ok(!busy.destroyed)
    await release(stack)
    assert.equal((await replied)[0][':status'], 200)
    assert.ok((await readAll(running)).isWhole)
    assert.equal(await stack.gateway.exited, 0)
  })

  test('ends in time, whatever runs and even if clients do not read', async () => {
    await using secured = await startWithFixture('writes-forever', { SLUICE_DRAIN_TIMEOUT: '300ms' })
    const session = await secured.session()
    const { stream } = await begin(session, { 'x-request-id': 'stalls' })
    stream.pause()
    using _deaf = await connectDeaf(secured.stack, 'deaf')
    secured.stack.gateway.signal('SIGTERM')
    assert.equal(await secured.stack.gateway.exited, 0)
    assert.equal((await theLine(secured.stack, 'stalls'))['outcome'], 'client_gone')
    assert.equal((await theLine(secured.stack, 'deaf'))['outcome'], 'client_gone')
  })
})

describe('certificates', { skip }, () => {
  test('are changed while a clone runs, and a broken pair changes nothing', async () => {
    await using secured = await startSecured()
    const { stack, root, pair } = secured
    await largeRepository(join(stack.root, 'project.git'))
    const session = await secured.session()
    const want = await git(join(stack.root, 'project.git'), ['rev-parse', 'main'])
    const stream = session.request({
      ':method': 'POST',
      ':path': '/project.git/git-upload-pack',
      'content-type': 'application/x-git-upload-pack-request',
    })
    stream.end(fetchOf(want))
    // 8 MB, of which nothing is read for now.
    await once(stream, 'response')
    const before = await certificateOf(stack)
    const next = await root.issue('next')

    await copyFile(next.certificate, pair.certificate)
    // It may have looked at half of the copy before.
    const broken = await stack.gateway.line(({ msg }) =>
      /gateway\.key does not belong to .*gateway\.pem/.test(String(msg)),
    )
    assert.equal(broken['level'], 'error')
    assert.match(String(broken['msg']), /^SLUICE_TLS_CERTIFICATE/)
    assert.equal(await certificateOf(stack), before)

    await copyFile(next.key, pair.key)
    await until('the new one', async () => (await certificateOf(stack)) !== before)
    const { body, isWhole } = await readAll(stream)
    assert.ok(isWhole && body.length > 8 * 2 ** 20)
    assert.equal((await begin(session, { ':path': '/healthz' })).headers[':status'], 200)

    await writeFile(pair.key, 'nonsense')
    const unreadable = await stack.gateway.line((line) => String(line['msg']).includes('no private key'))
    assert.match(String(unreadable['msg']), /gateway\.key/)
    assert.doesNotMatch(String(unreadable['msg']), /nonsense/)
  })

  test('allow no version of TLS below 1.2', async () => {
    await using secured = await startSecured()
    const options = { ...target(secured.stack.gateway.address), rejectUnauthorized: false }
    const old = connectTls({ ...options, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    const [error] = (await once(old, 'error')) as [Error & { code: string }]
    assert.match(error.code, /ALERT_PROTOCOL_VERSION/)
    const good = connectTls({ ...options, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
    await once(good, 'secureConnect')
    good.destroy()
  })
})

test('a connection with TLS counts once; one without TLS is closed and logged', { skip }, async () => {
  await using secured = await startSecured({ SLUICE_LOG_LEVEL: 'debug' })
  const { stack } = secured
  const open = async () => {
    const { body } = await ask(stack.gateway.operations, '/metrics')
    return Number(/^sluice_connections\{.*\} (\d+)/m.exec(body)?.[1])
  }
  const session = await secured.session()
  await begin(session, { ':path': '/healthz' })
  assert.equal(await open(), 1)
  const socket = connectTls({ ...target(stack.gateway.address), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  assert.equal(await open(), 2)
  await sendRaw(stack.gateway.address, `GET ${advertisement} HTTP/1.1\r\nHost: localhost\r\n\r\n`).catch(() => '')
  const line = await stack.gateway.line((each) => each['code'] === 'ERR_SSL_HTTP_REQUEST')
  assert.equal(line['level'], 'debug')
  socket.destroy()
  session.destroy()
  await until('no connection to be left', async () => (await open()) === 0)
})

test('a connection beyond the limit is refused over TLS, too', { skip }, async () => {
  await using secured = await startSecured({ SLUICE_MAX_CONNECTIONS: '2' })
  // One address may hold half of the connections.
  const first = await secured.session()
  const second = await secured.session()
  const refused = await begin(second, { ':path': advertisement })
  assert.equal(refused.headers[':status'], 429)
  assert.equal(refused.headers['sluice-reason'], 'client_full')
  assert.ok((await readAll(refused.stream)).isWhole)
  await until('it to be closed', () => second.destroyed)
  // At the limit of all, the first one would give way, since it is idle.
  await until('the gateway to have closed it, too', async () => {
    const { body } = await ask(secured.stack.gateway.operations, '/metrics')
    return /^sluice_connections\{[^}]*\} 1$/m.test(body)
  })
  const sent = request({ ...target(secured.stack.gateway.address), path: advertisement, rejectUnauthorized: false })
  sent.end()
  const [reply] = (await once(sent, 'response')) as [{ statusCode: number; destroy(): void }]
  assert.equal(reply.statusCode, 429)
  reply.destroy()
  assert.equal((await begin(first, { ':path': advertisement })).headers[':status'], 404)
})

/**
 * Sends a request on a connection from which nothing is ever read, and waits until the gateway has written all that
 * fits.
 */
async function connectDeaf(stack: Stack, requestId: string): Promise<FrameClient> {
  const client = await connectFrames(stack.gateway.address)
  client.socket.pause()
  client.request(1, { ':path': advertisement, 'x-request-id': requestId })
  await until('it to be served', async () => (await stack.status()).requests.some((r) => r.requestId === requestId))
  await bytesStopped(stack)
  return client
}

/**
 * Waits until the gateway has sent all that its clients take.
 *
 * @returns how much that was
 */
async function bytesStopped(stack: Stack): Promise<number> {
  let before = 0
  let looks = 0
  return await until('nothing to be sent any more', async () => {
    const { body } = await ask(stack.gateway.operations, '/metrics')
    const now = body
      .split('\n')
      .filter((line) => line.startsWith('sluice_sent_bytes_total{'))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    looks = now > 0 && now === before ? looks + 1 : 0
    before = now
    return looks > 20 && now
  })
}

async function certificateOf(stack: Stack): Promise<string> {
  const socket = connectTls({ ...target(stack.gateway.address), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

async function release(stack: Stack): Promise<void> {
  await writeFile(join(stack.root, 'project.git/release'), '')
}

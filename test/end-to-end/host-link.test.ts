import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { freePort } from '@sluice/shared/testing/free-port'
import { patienceMs } from '@sluice/shared/testing/patience'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A host serves only its gateways, and believes only them. */

const advertisement = '/project.git/info/refs?service=git-upload-pack'

const [one, two, three] = ['1', '2', '3'].map((digit) => `a-secret-of-gateways-and-hosts-${digit}`) as [
  string,
  string,
  string,
]

/** A stack whose two sides each have a file of secrets. */
async function startWithSecrets(ofGateway: string | undefined, ofHost: string) {
  await using started = new AsyncDisposableStack()
  const { path } = started.use(await temporaryFolder())
  const files = { gateway: join(path, 'gateway'), supervisor: join(path, 'supervisor') }
  await writeFile(files.gateway, ofGateway ?? '')
  await writeFile(files.supervisor, ofHost)
  const stack = started.use(
    await startStack(
      { SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}` },
      {
        gateway: ofGateway === undefined ? {} : { SLUICE_HOST_SECRET_FILE: files.gateway },
        supervisor: { SLUICE_HOST_SECRET_FILE: files.supervisor },
      },
    ),
  )
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
  await importHistory(join(stack.root, 'project.git'), 3)
  const parts = started.move()
  return { stack, files, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** Asks the host itself, as git or any HTTP client could. */
const askHost = (stack: Stack, headers: Record<string, string> = {}) =>
  ask(stack.supervisor.address, advertisement, { headers })

describe('with a secret, a host', () => {
  test('serves the gateway that has the secret, and is told who the user is', async () => {
    await using secured = await startWithSecrets(`${one}\n`, `${two}\n${one}\n`)
    const { stack } = secured
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/project.git`, 'clone'])
    assert.equal((await ask(stack.gateway.address, '/readyz')).status, 200)
    const line = await stack.supervisor.line((each) => each['kind'] === 'rpc')
    assert.equal(line['client'], '127.0.0.1')
    const logs = JSON.stringify([stack.gateway.lines, stack.supervisor.lines])
    for (const secret of [one, two]) assert.ok(!logs.includes(secret))
  })

  test('serves and believes nobody else, and still answers probes', async () => {
    await using secured = await startWithSecrets(one, one)
    const { stack } = secured
    const almost = `${one.slice(0, -1)}2`
    for (const secret of [
      undefined,
      '',
      almost,
      one.toUpperCase(),
      `${one} `.repeat(2),
      `${one}\u00e9`,
      'x'.repeat(8000),
    ]) {
      const id = `wrong-${secret?.length}`
      const headers = {
        'Sluice-Source': '192.0.2.7',
        'X-Request-Id': id,
        ...(secret !== undefined && { 'Sluice-Secret': secret }),
      }
      const reply = await askHost(stack, headers)
      assert.equal(reply.status, 403, secret)
      assert.equal(reply.headers['sluice-reason'], 'wrong_secret')
      const line = await stack.supervisor.line((each) => each['requestId'] === id)
      assert.equal(line['client'], '127.0.0.1')
      assert.equal(line['repository'], undefined)
    }
    assert.equal((await ask(stack.supervisor.address, '/-/trusted')).status, 403)
    for (const path of ['/healthz', '/readyz'])
      assert.equal((await ask(stack.supervisor.address, path)).status, 200, path)
    assert.equal((await askHost(stack, { 'Sluice-Secret': one })).status, 200)
    const warned = stack.supervisor.lines.filter((line) => String(line['msg']).startsWith('refused: '))
    assert.equal(warned.length, 1)
    assert.match(String(warned[0]!['msg']), /no secret; gateways need the same SLUICE_HOST_SECRET_FILE/)
    assert.deepEqual(await stack.gitProcesses(), [])
  })

  test('learns the client’s address from gateways of this version and of the one before', async () => {
    await using secured = await startWithSecrets(`${one}\n`, `${one}\n`)
    const { stack } = secured
    for (const told of [
      { 'Sluice-Client': '192.0.2.7', 'Sluice-Source': '192.0.2.7' },
      { 'Sluice-Source': '192.0.2.8' },
    ]) {
      const id = told['Sluice-Source']
      const reply = await askHost(stack, { ...told, 'X-Request-Id': id, 'Sluice-Secret': one })
      assert.equal(reply.status, 200)
      assert.equal((await stack.supervisor.line((each) => each['requestId'] === id))['client'], id)
    }
  })

  for (const wrong of [undefined, two]) {
    test(`makes a gateway ${wrong ? 'with another one' : 'without one'} unready, whose clients are told nothing of secrets`, async () => {
      await using secured = await startWithSecrets(wrong, one)
      const { stack } = secured
      const ready = await ask(stack.gateway.address, '/readyz')
      assert.equal(ready.status, 503)
      assert.match(ready.body, /does not take this for one of its gateways/)
      const { stderr } = await tryGit(stack.folder, ['clone', `${stack.url}/project.git`, 'clone'])
      assert.match(stderr, /error: 503/)
      const reply = await ask(stack.gateway.address, advertisement)
      assert.equal(reply.status, 503)
      assert.equal(reply.headers['sluice-reason'], 'host_refused')
      assert.doesNotMatch(reply.body, /secret/)
      const line = await stack.gateway.line((each) => each['reason'] === 'host_refused')
      assert.equal(line['level'], 'error')
    })
  }

  test('changes it without a failed request, and keeps the old ones if the file is broken', async () => {
    await using secured = await startWithSecrets(one, one)
    const { stack, files } = secured
    const says = (app: 'gateway' | 'supervisor', text: string) =>
      stack[app].line((line) => String(line['msg']).includes(text))
    const over = new AbortController()
    const statuses = new Set<number>()
    let replies = 0
    const client = (async () => {
      for (; !over.signal.aborted; replies++) statuses.add((await ask(stack.gateway.address, advertisement)).status)
    })()
    await writeFile(files.supervisor, `${one}\n${three}\n`)
    await says('supervisor', 'were read anew')
    await writeFile(files.gateway, three)
    await says('gateway', 'were read anew')
    const before = replies
    await until('the last request with the old one to be answered', () => replies > before)
    await writeFile(files.supervisor, three)
    await until(
      'the old one to be refused',
      async () => (await askHost(stack, { 'Sluice-Secret': one })).status === 403,
    )
    await writeFile(files.supervisor, 'short')
    const line = await says('supervisor', 'stay valid')
    assert.equal(line['level'], 'error')
    assert.match(String(line['msg']), /line 1 of .*supervisor must have 32 to 512 characters/)
    assert.equal((await askHost(stack, { 'Sluice-Secret': three })).status, 200)
    assert.equal((await askHost(stack, { 'Sluice-Secret': 'short' })).status, 403)
    over.abort()
    await client
    assert.deepEqual([...statuses], [200])
  })
})

describe('with mutual TLS, a host', { skip: noCertificates ?? false }, () => {
  async function startMutual(own: { gateway?: Record<string, string> } = {}) {
    await using started = new AsyncDisposableStack()
    const { path } = started.use(await temporaryFolder())
    const [root, stranger] = [newAuthority(path), newAuthority(path, 'stranger')]
    const [host, gateway, other] = await Promise.all([
      root.issue('host'),
      root.issue('gateway'),
      stranger.issue('other'),
    ])
    const ca = { SLUICE_HOST_TLS_CA: root.certificate }
    const of = (pair: { certificate: string; key: string }) => ({
      SLUICE_HOST_TLS_CERTIFICATE: pair.certificate,
      SLUICE_HOST_TLS_KEY: pair.key,
    })
    const stack = started.use(
      await startStack(
        { SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}`, ...ca },
        { gateway: { ...of(gateway), ...own.gateway }, supervisor: of(host) },
      ),
    )
    await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
    await importHistory(join(stack.root, 'project.git'), 3)
    const parts = started.move()
    return { stack, root, host, gateway, other, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  /** Asks the host itself. */
  async function askSecurely(stack: Stack, path: string, files: { ca: string; certificate?: string; key?: string }) {
    const { ca, certificate, key } = files
    const own = certificate && key ? { cert: await readFile(certificate), key: await readFile(key) } : {}
    const sent = request({ ...target(stack.supervisor.address), path, agent: false, ca: await readFile(ca), ...own })
    sent.end()
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    reply.resume()
    return { status: reply.statusCode, reason: reply.headers['sluice-reason'] }
  }

  test('serves gateways with a certificate of its root, and nobody else', async () => {
    await using secured = await startMutual()
    const { stack, root, gateway, other } = secured
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/project.git`, 'clone'])
    const work = join(stack.folder, 'clone')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'One more'])
    await git(work, ['push', '--quiet'])
    assert.equal((await ask(stack.gateway.address, '/readyz')).status, 200)
    const ca = root.certificate
    const refused = { status: 403, reason: 'wrong_certificate' }
    assert.deepEqual(await askSecurely(stack, advertisement, { ca }), refused)
    assert.deepEqual(await askSecurely(stack, advertisement, { ca, ...other }), refused)
    assert.equal((await askSecurely(stack, advertisement, { ca, ...gateway })).status, 200)
    assert.equal((await askSecurely(stack, '/healthz', { ca })).status, 200)
    await stack.supervisor.line((line) => String(line['msg']).includes('gateways need SLUICE_HOST_TLS_CERTIFICATE'))
    await assert.rejects(ask(stack.supervisor.address, '/healthz'))
  })

  test('is not believed by a gateway if its certificate is for another name', async () => {
    await using secured = await startMutual({ gateway: { SLUICE_HOST_TLS_NAME: 'host.example.org' } })
    const reply = await ask(secured.stack.gateway.address, advertisement)
    assert.equal(reply.status, 503)
    assert.equal(reply.headers['sluice-reason'], 'host_unreachable')
    const line = await secured.stack.gateway.line((each) => each['reason'] === 'host_unreachable')
    assert.match(JSON.stringify(line['err']), /host\.example\.org/)
  })

  test('and its gateway change certificates without a failed request', async () => {
    await using secured = await startMutual()
    const { stack, root, host, gateway } = secured
    const over = new AbortController()
    const statuses = new Set<number>()
    const client = (async () => {
      while (!over.signal.aborted) statuses.add((await ask(stack.gateway.address, advertisement)).status)
    })()
    const next = await root.issue('next')
    for (const pair of [host, gateway]) {
      await copyFile(next.key, pair.key)
      await copyFile(next.certificate, pair.certificate)
    }
    for (const app of [stack.supervisor, stack.gateway]) {
      await app.line((line) => String(line['msg']).includes('new certificates are in use'))
    }
    const before = stack.gateway.lines.length
    await until('some more requests', () => stack.gateway.lines.length > before + 5)
    over.abort()
    await client
    assert.deepEqual([...statuses], [200])
  })
})

describe('a supervisor', () => {
  const main = fileURLToPath(new URL('../../apps/gitworker/src/main.ts', import.meta.url))
  const start = (env: Record<string, string>) => spawnSync(process.execPath, [main], { env, timeout: patienceMs })

  test('on an address that others can reach refuses to start without secret or client certificates', async () => {
    for (const address of [
      '0.0.0.0:4711',
      '[::]:4711',
      '192.0.2.1:4711',
      'host.example.org:4711',
      '127.example.org:4711',
    ]) {
      const { status, stderr } = start({ SLUICE_SUPERVISOR: address })
      assert.equal(status, 78, address)
      assert.match(stderr.toString(), /SLUICE_SUPERVISOR=.* could pass for a gateway: set SLUICE_HOST_SECRET_FILE/)
    }
  })

  test('refuses secrets that are missing, too short, too many or not fit for a header, and never shows them', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'secrets')
    for (const text of ['', '\n\n', 'tooshort', `${one}\n${two}\n${three}`, `${one} and more`, `${one}\u00e9`]) {
      await writeFile(path, text)
      const { status, stderr } = start({ SLUICE_SUPERVISOR: '127.0.0.1:4711', SLUICE_HOST_SECRET_FILE: path })
      assert.equal(status, 78, text)
      assert.match(stderr.toString(), /SLUICE_HOST_SECRET_FILE: .*secrets/)
      assert.ok(text === '' || text === '\n\n' || !stderr.toString().includes(text.slice(0, 8)))
    }
    const { status, stderr } = start({ SLUICE_HOST_SECRET_FILE: '/nonexistent/file' })
    assert.equal(status, 78)
    assert.match(stderr.toString(), /cannot read \/nonexistent\/file \(ENOENT\)/)
  })
})

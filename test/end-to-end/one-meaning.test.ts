import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import type { OutgoingHttpHeaders } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { sendRaw } from '@sluice/shared/testing/http'
import { connectFrames } from '@sluice/shared/testing/http2-frames'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A header that decides something may come only once. Sent twice, it could mean two things, and is refused. */

const path = '/r.git/info/refs?service=git-upload-pack'
const ann = `Basic ${Buffer.from('ann:x').toString('base64')}`
const ben = `Basic ${Buffer.from('ben:y').toString('base64')}`

const twice: Record<string, readonly [string, string]> = {
  'Authorization': [ann, ben],
  'authorization': [ann, ann],
  'Host': ['localhost', 'localhost'],
  'Content-Type': ['application/x-git-upload-pack-request', 'text/plain'],
  'Content-Encoding': ['gzip', 'identity'],
  'Git-Protocol': ['version=2', 'version=1'],
  'Origin': ['http://localhost', 'http://evil.example'],
  'Sec-Fetch-Site': ['none', 'cross-site'],
  'Sec-Fetch-Mode': ['cors', 'navigate'],
  'Expect': ['100-continue', '100-continue'],
  'Sluice-User': ['ann', 'ben'],
  'Sluice-Client': ['192.0.2.1', '192.0.2.2'],
  'Sluice-Source': ['192.0.2.1', '192.0.2.2'],
  'Sluice-May-Create': ['no', 'yes'],
}

describe('over HTTP/1', () => {
  let stack: Stack
  before(async () => {
    stack = await startStack()
    await git(stack.root, ['init', '--quiet', '--bare', 'r.git'])
  })
  after(() => stack[Symbol.asyncDispose]())

  const send = (door: 'gateway' | 'supervisor', lines: readonly string[], start = `GET ${path} HTTP/1.1`) => {
    const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: localhost']
    const head = [start, ...host, ...lines, 'Connection: close']
    return sendRaw(stack[door].address, `${head.join('\r\n')}\r\n\r\n`)
  }

  for (const door of ['gateway', 'supervisor'] as const) {
    for (const [name, [one, two]] of Object.entries(twice)) {
      test(`the ${door} refuses two ${name} headers, and takes one`, async () => {
        const reply = await send(door, [`${name}: ${one}`, 'Accept: */*', `${name.toUpperCase()}: ${two}`])
        assert.match(reply, /^HTTP\/1\.1 400 /)
        assert.match(reply, /Sluice-Reason: repeated_header/i)
        assert.ok(reply.includes(`more than one ${name.toLowerCase()} header`), reply)
        if (name !== 'Expect') assert.match(await send(door, [`${name}: ${one}`]), /^HTTP\/1\.1 200 /)
      })
    }

    test(`the ${door} refuses two lengths, or a length with chunks`, async () => {
      for (const lines of [
        ['Content-Length: 4', 'Content-Length: 5'],
        ['Content-Length: 4', 'Content-Length: 4'],
        ['Content-Length: 4', 'Transfer-Encoding: chunked'],
      ]) {
        const reply = await send(
          door,
          [...lines, 'Content-Type: application/x-git-upload-pack-request'],
          'POST /r.git/git-upload-pack HTTP/1.1',
        )
        assert.match(reply, /^HTTP\/1\.1 400 /, lines.join())
      }
    })

    test(`the ${door} takes lists in several lines`, async () => {
      const reply = await send(door, [
        'X-Forwarded-For: 192.0.2.1',
        'X-Forwarded-For: 192.0.2.2',
        'Accept: a/b',
        'Accept: */*',
        'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01',
      ])
      assert.match(reply, /^HTTP\/1\.1 200 /)
      const lines = stack[door].lines.filter(({ traceId }) => String(traceId).startsWith('4bf92f3577b34da6'))
      assert.deepEqual(lines, [])
    })
  }

  test('an address with a host must not be followed by another one in Host', async () => {
    const absolute = (host: string) => `GET http://${host}${path} HTTP/1.1`
    assert.match(await send('gateway', ['Host: localhost'], absolute('127.0.0.1')), /^HTTP\/1\.1 400 [\s\S]*two_hosts/)
    assert.match(await send('gateway', ['Host: localhost'], absolute('LOCALHOST:80')), /^HTTP\/1\.1 200 /)
  })

  test('an address with a log-in in it is not written into the log', async () => {
    const reply = await send('gateway', ['X-Request-Id: with-login'], `GET http://ann:s3cr3t@localhost${path} HTTP/1.1`)
    assert.match(reply, /^HTTP\/1\.1 400 /)
    await stack.gateway.line(({ requestId }) => requestId === 'with-login')
    assert.ok(!JSON.stringify(stack.gateway.lines).includes('s3cr3t'))
  })

  test('names and values that are not quite headers do not count', async () => {
    for (const line of [`Authorization : ${ann}`, ` Authorization: ${ann}`, `Auth\u0000orization: x`, `X: a\r b`]) {
      assert.match(await send('gateway', ['Accept: */*', line]), /^HTTP\/1\.1 400 /, JSON.stringify(line))
    }
  })
})

test('over HTTP/2', { skip: noCertificates ?? false }, async () => {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const root = newAuthority(folder)
  const pair = await root.issue('gateway')
  const stack = opened.use(
    await startStack({}, { gateway: { SLUICE_TLS_CERTIFICATE: pair.certificate, SLUICE_TLS_KEY: pair.key } }),
  )
  await git(stack.root, ['init', '--quiet', '--bare', 'r.git'])
  const session = connectHttp2(`https://${stack.gateway.address}`, { ca: await readFile(root.certificate) })
  opened.defer(() => session.destroy())
  const ask = async (headers: OutgoingHttpHeaders | string[]) => {
    const stream = session.request(headers)
    const [reply] = (await once(stream, 'response')) as [Record<string, unknown>]
    stream.resume()
    return [reply[':status'], reply['sluice-reason']]
  }
  const start = { ':path': path, ':authority': 'localhost' }
  assert.deepEqual(await ask(start), [200, undefined])
  assert.deepEqual(await ask({ ...start, host: 'localhost' }), [200, undefined])
  assert.deepEqual(await ask({ ...start, host: 'evil.example' }), [400, 'two_hosts'])
  assert.deepEqual(await ask({ ...start, ':authority': 'evil.example' }), [403, 'unknown_host'])
  for (const spelling of ['127.0.0.1:', '[0:0:0:0:0:0:0:1]:8080', '[::0001]', 'LOCALHOST.']) {
    assert.deepEqual(await ask({ ...start, ':authority': spelling }), [200, undefined], spelling)
  }
  const raw = [':method', 'GET', ':scheme', 'https', ':path', path, ':authority', 'localhost']
  assert.deepEqual(await ask([...raw, 'git-protocol', 'version=2', 'git-protocol', 'version=1']), [
    400,
    'repeated_header',
  ])
  // Node's own client refuses to send two of these.
  using client = await connectFrames(stack.gateway.address)
  client.request(1, { ':path': path, 'authorization': ann }, { again: { authorization: ann } })
  client.request(3, { ':path': path, 'authorization': ann })
  const statusOf = (stream: number) =>
    until(`a reply on stream ${stream}`, () => {
      const head = client.received.find((frame) => frame.stream === stream && frame.type === 1)
      return head && { 0x8c: 400, 0x88: 200 }[head.payload[0]!]
    })
  assert.equal(await statusOf(1), 400)
  assert.equal(await statusOf(3), 200)
})

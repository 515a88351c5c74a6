import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { connectFrames } from '@sluice/shared/testing/http2-frames'
import { until } from '@sluice/shared/testing/until'
import { readGatewayConfig } from '../../src/config/config.ts'
import { startGateway } from '../../src/start/start.ts'

/** What a host receives of requests over HTTP/2. */

const skip = noCertificates ?? false

type Seen = { body: string; isWhole: boolean | undefined }

/** The gateway before a host that records what it receives, and a client's connection to the gateway. */
async function clientBefore() {
  await using started = new AsyncDisposableStack()
  const seen: Seen[] = []
  const host = createServer((incoming, outgoing) => note(seen, incoming, () => outgoing.end('reply')))
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  started.defer(() => {
    host.close()
    host.closeAllConnections()
  })
  const { path } = started.use(await temporaryFolder())
  const root = newAuthority(path)
  const pair = await root.issue('gateway')
  const config = readGatewayConfig({
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_SUPERVISOR: `127.0.0.1:${(host.address() as AddressInfo).port}`,
    SLUICE_TLS_CERTIFICATE: pair.certificate,
    SLUICE_TLS_KEY: pair.key,
  })
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const gateway = started.use(await startGateway(config, log))
  const { port } = gateway.server.address() as AddressInfo
  const session = connect(`https://127.0.0.1:${port}`, { ca: await readFile(root.certificate) })
  session.on('error', () => {})
  started.defer(() => session.destroy())
  const parts = started.move()
  return {
    seen,
    address: `127.0.0.1:${port}`,
    headers: headersFor,
    begin(service: string, headers: OutgoingHttpHeaders): ClientHttp2Stream {
      const stream = session.request({ ...headersFor(service), ...headers })
      stream.on('error', () => {})
      return stream
    },
    lastLine: () => until('a line in the log', () => lines.find((line) => 'outcome' in line)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function headersFor(service: string) {
  const type = `application/x-git-${service}-request`
  return { ':method': 'POST', ':path': `/project.git/git-${service}`, 'content-type': type }
}

function note(all: Seen[], incoming: IncomingMessage, reply: () => void): void {
  const seen: Seen = { body: '', isWhole: undefined }
  all.push(seen)
  incoming.on('data', (chunk: Buffer) => (seen.body += chunk.toString()))
  incoming.on('error', () => {})
  incoming.on('end', reply)
  incoming.on('close', () => (seen.isWhole = incoming.complete))
}

test('a push that is cancelled half-way never looks whole to its host', { skip }, async () => {
  await using client = await clientBefore()
  using frames = await connectFrames(client.address)
  frames.request(1, client.headers('receive-pack'), { isLast: false })
  frames.data(1, 'half of it')
  await until('the first half to arrive', () => client.seen[0]?.body === 'half of it')
  frames.cancel(1)
  assert.equal(
    await until('its end', () => client.seen[0]?.isWhole !== undefined && String(client.seen[0].isWhole)),
    'false',
  )
  assert.equal((await client.lastLine())['outcome'], 'client_gone')
})

test('a small fetch that is cancelled half-way is not sent at all', { skip }, async () => {
  await using client = await clientBefore()
  using frames = await connectFrames(client.address)
  frames.request(1, { ...client.headers('upload-pack'), 'content-length': '20' }, { isLast: false })
  frames.data(1, 'half of it')
  frames.cancel(1)
  assert.equal((await client.lastLine())['outcome'], 'client_gone')
  assert.deepEqual(client.seen, [])
})

test(
  'a body whose length is not said goes on as it comes, and one that waits to be asked for is asked for',
  { skip },
  async () => {
    await using client = await clientBefore()
    const stream = client.begin('receive-pack', { expect: '100-continue' })
    await once(stream, 'continue')
    stream.write('one')
    stream.end('two')
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    assert.equal(headers[':status'], 200)
    assert.deepEqual(await until('its end', () => client.seen[0]?.isWhole !== undefined && client.seen), [
      { body: 'onetwo', isWhole: true },
    ])
  },
)

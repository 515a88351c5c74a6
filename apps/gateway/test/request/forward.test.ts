import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { readGatewayConfig } from '../../src/config/config.ts'
import { startGateway } from '../../src/start/start.ts'

/** The gateway before a host that the test plays itself. */
async function gatewayBefore(host: RequestListener, env: Record<string, string> = {}) {
  const server = createServer(host)
  server.on('checkContinue', host)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const config = readGatewayConfig({
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_SUPERVISOR: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...env,
  })
  const gateway = await startGateway(config, log)
  const port = (gateway.server.address() as AddressInfo).port
  return {
    port,
    address: `127.0.0.1:${port}`,
    lastLine: () => until('a line about a request', () => lines.findLast((line) => 'outcome' in line)),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

const advertisement = '/a%20b/project.git/info/refs?service=git-upload-pack'
const push = '/project.git/git-receive-pack'
const pushHeaders = { 'Content-Type': 'application/x-git-receive-pack-request' }

test('the host gets the same request and the client’s identity, and none of the client’s other headers', async () => {
  let seen: IncomingMessage | undefined
  await using gateway = await gatewayBefore((incoming, outgoing) => {
    seen = incoming
    outgoing.end('reply')
  })
  const headers = {
    'Git-Protocol': 'version=2',
    'Authorization': 'Basic c2VjcmV0',
    'Sluice-Client': 'forged',
    'Sluice-Source': 'forged',
    'X-Other': 'x',
    'X-Request-Id': 'an-id',
  }
  const reply = await ask(gateway.address, advertisement, { headers })
  assert.equal(reply.body, 'reply')
  assert.equal(seen?.url, advertisement)
  const { host: _, connection: _c, traceparent, ...rest } = seen.headers
  assert.match(String(traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  assert.deepEqual(rest, {
    'git-protocol': 'version=2',
    'sluice-client': '127.0.0.1',
    'sluice-source': '127.0.0.1',
    'sluice-may-create': 'yes',
    'x-request-id': 'an-id',
  })
})

test('an interim reply of the host is not passed on as the reply', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.writeProcessing()
    outgoing.writeProcessing()
    outgoing.end('reply')
  })
  const reply = await ask(gateway.address, advertisement)
  assert.deepEqual([reply.status, reply.body], [200, 'reply'])
})

test('a successful reply has the host’s headers and none of the gateway’s own', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-advertisement', 'Pragma': 'no-cache' })
    outgoing.end('x')
  })
  const { headers } = await ask(gateway.address, advertisement)
  assert.deepEqual(Object.keys(headers).toSorted(), [
    'connection',
    'content-type',
    'date',
    'pragma',
    'transfer-encoding',
  ])
})

test('the early refusal of a host reaches a client that is still sending', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.writeHead(413, { 'Content-Type': 'text/plain', 'Sluice-Reason': 'body_too_large' })
    outgoing.end('too large\n')
  })
  const reply = await ask(gateway.address, push, {
    method: 'POST',
    headers: pushHeaders,
    body: Buffer.alloc(4_000_000),
  })
  assert.equal(reply.status, 413)
  assert.equal(reply.body, 'too large\n')
  assert.equal((await gateway.lastLine())['outcome'], 'refused')
})

test('after a refusal the same connection serves the next request', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => outgoing.end('fine'))
  const socket = connect(gateway.port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  socket.write('POST /x/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345')
  await until('the refusal', () => /415 Unsupported/.test(received))
  socket.write(`GET ${advertisement} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await until('the reply', () => /200 OK[^]*fine/.test(received))
  socket.destroy()
})

test('an advertisement is asked for again when a host that restarts breaks off', async () => {
  let requests = 0
  await using gateway = await gatewayBefore((incoming, outgoing) => {
    if (++requests === 1) incoming.socket.destroy()
    else outgoing.end('fine')
  })
  assert.equal((await ask(gateway.address, advertisement)).body, 'fine')
  assert.equal(requests, 2)
})

test('a small fetch is sent again, with all of its body', async () => {
  const bodies: string[] = []
  await using gateway = await gatewayBefore((incoming, outgoing) => {
    let body = ''
    incoming.on('error', () => {})
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
    incoming.on('end', () => {
      if (bodies.push(body) === 1) incoming.socket.destroy()
      else outgoing.end('fine')
    })
  })
  const headers = { 'Content-Type': 'application/x-git-upload-pack-request' }
  const reply = await ask(gateway.address, '/project.git/git-upload-pack', { method: 'POST', headers, body: 'wants' })
  assert.equal(reply.body, 'fine')
  assert.deepEqual(bodies, ['wants', 'wants'])
  const line = await gateway.lastLine()
  assert.equal(line['bytesIn'], 5)
})

test('a push is never sent twice', async () => {
  let requests = 0
  await using gateway = await gatewayBefore((incoming) => {
    requests++
    incoming.socket.destroy()
  })
  const reply = await ask(gateway.address, push, { method: 'POST', headers: pushHeaders, body: 'commands' })
  assert.equal(reply.status, 502)
  assert.equal(requests, 1)
})

test('a client that stops sending is cut off', async () => {
  await using gateway = await gatewayBefore(() => {}, { SLUICE_IDLE_TIMEOUT: '1ms', SLUICE_QUEUE_TIMEOUT: '1ms' })
  const sent = request({ port: gateway.port, path: push, method: 'POST', headers: pushHeaders, agent: false })
  sent.flushHeaders()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(reply.statusCode, 504)
  sent.destroy()
})

test('a host that breaks off before its reply is a 502, or a 503 if the request may be sent again', async () => {
  await using gateway = await gatewayBefore((incoming) => incoming.socket.destroy(), { SLUICE_HOST_WAIT: '0s' })
  const pushed = await ask(gateway.address, push, { method: 'POST', headers: pushHeaders, body: 'commands' })
  assert.equal(pushed.status, 502)
  assert.match(pushed.body, /broke off/)
  const reply = await ask(gateway.address, advertisement)
  assert.deepEqual([reply.status, reply.headers['retry-after']], [503, '1'])
})

test('a host that breaks off within its reply cuts the client’s connection', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.write('the beginning')
    setTimeout(() => outgoing.destroy(), 20)
  })
  await assert.rejects(ask(gateway.address, advertisement), /aborted/)
  assert.equal((await gateway.lastLine())['reason'], 'host_failed')
})

test('a client of HTTP/1.0 sees a reset, not an end, when a reply is cut', async () => {
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.write('the beginning')
    setTimeout(() => outgoing.destroy(), 20)
  })
  const socket = connect(gateway.port, '127.0.0.1')
  socket.resume()
  socket.write(`GET ${advertisement} HTTP/1.0\r\n\r\n`)
  await assert.rejects(once(socket, 'end'), /ECONNRESET/)
})

test('a client that leaves ends its request to the host', async () => {
  let hostSawClose = false
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.on('close', () => (hostSawClose = true))
    outgoing.write('the beginning')
  })
  const sent = request({ port: gateway.port, path: advertisement, agent: false })
  sent.on('error', () => {})
  sent.end()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.on('error', () => {})
  await once(reply, 'data')
  sent.destroy()
  await until('the host to see it', () => hostSawClose)
  assert.equal((await gateway.lastLine())['outcome'], 'client_gone')
})

test('a client that leaves in mid-push ends its request to the host, too', async () => {
  let hostSawClose = false
  let received = 0
  await using gateway = await gatewayBefore((incoming, outgoing) => {
    outgoing.on('close', () => (hostSawClose = true))
    incoming.on('error', () => {})
    incoming.on('data', (chunk: Buffer) => (received += chunk.length))
  })
  const sent = request({ port: gateway.port, path: push, method: 'POST', headers: pushHeaders, agent: false })
  sent.on('error', () => {})
  sent.write(Buffer.alloc(100_000))
  await until('the host to receive', () => received === 100_000)
  sent.destroy()
  await until('the host to see it', () => hostSawClose)
  assert.equal((await gateway.lastLine())['outcome'], 'client_gone')
})

test('a client that reads slowly holds the host back, in bounded memory', async () => {
  let written = 0
  await using gateway = await gatewayBefore((_, outgoing) => {
    const chunk = Buffer.alloc(64 * 1024)
    const write = () => {
      do written += chunk.length
      while (outgoing.write(chunk))
    }
    outgoing.on('drain', write)
    write()
  })
  const socket = connect(gateway.port, '127.0.0.1')
  socket.pause()
  socket.write(`GET ${advertisement} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  let before = -1
  await until('the host to be held back', async () => {
    const isStill = written > 0 && written === before
    before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
    return isStill
  })
  assert.ok(written < 32 * 2 ** 20, `${written} bytes are somewhere between`)
  socket.resume()
  const held = written
  await until('the host to go on', () => written > held + 2 ** 20)
  socket.destroy()
})

test('a client that asks before it sends is told to go on if its request is right', async () => {
  await using gateway = await gatewayBefore((incoming, outgoing) => {
    incoming.resume()
    incoming.on('end', () => outgoing.end('done'))
  })
  const expecting = (headers: Record<string, string>) => {
    const sent = request({
      port: gateway.port,
      path: push,
      method: 'POST',
      agent: false,
      headers: { ...headers, 'Expect': '100-continue', 'Content-Length': '4' },
    })
    sent.on('continue', () => sent.end('0000'))
    sent.flushHeaders()
    return once(sent, 'response') as Promise<[IncomingMessage]>
  }
  const [right] = await expecting(pushHeaders)
  assert.equal(right.statusCode, 200)
  right.resume()
  const [wrong] = await expecting({ 'Content-Type': 'text/plain' })
  assert.equal(wrong.statusCode, 415)
  assert.equal(wrong.headers.connection, 'close')
  wrong.resume()
})

test('readiness follows the host, and health does not', async () => {
  let healthy = true
  await using gateway = await gatewayBefore((_, outgoing) => {
    outgoing.writeHead(healthy ? 200 : 500)
    outgoing.end()
  })
  assert.equal((await ask(gateway.address, '/readyz')).status, 200)
  healthy = false
  const reply = await ask(gateway.address, '/readyz')
  assert.equal(reply.status, 503)
  const { reason, checks } = JSON.parse(reply.body)
  assert.deepEqual([reason, checks], ['no host answers', { accepting: 'ok', access: 'ok', host: 'no host answers' }])
  assert.equal((await ask(gateway.address, '/healthz')).status, 200)
})

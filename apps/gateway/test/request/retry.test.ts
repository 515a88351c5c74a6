import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { test } from 'node:test'
import { notBegunHeader } from '@sluice/shared/host-protocol/headers'
import { ask } from '@sluice/shared/testing/http'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { until } from '@sluice/shared/testing/until'
import { gatewayBeforeNobody } from './coming-host.ts'

/** Whatever a host does, and whenever: a request that can be sent again is sent again, and none is begun twice. */

const advertisement = '/project.git/info/refs?service=git-upload-pack'
const fetchPath = '/project.git/git-upload-pack'
const pushPath = '/project.git/git-receive-pack'
const post = (service: string) => ({
  method: 'POST',
  headers: { 'Content-Type': `application/x-git-${service}-request` },
})

/** Answers with the number of bytes that came. */
const counts: RequestListener = (incoming, outgoing) => {
  let bytes = 0
  incoming.on('error', () => {})
  incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
  incoming.on('end', () => outgoing.end(String(bytes)))
}

const isLeaving: RequestListener = (_, outgoing) => {
  outgoing.writeHead(503, { [notBegunHeader]: 'yes', 'Sluice-Reason': 'draining', 'Connection': 'close' })
  outgoing.end('stopping\n')
}

test('advertisements, fetches and pushes wait for a host that is not there', async () => {
  await using stage = await gatewayBeforeNobody()
  const large = Buffer.alloc(1_000_000, 'x')
  const asked = [
    ask(stage.address, advertisement),
    ask(stage.address, fetchPath, { ...post('upload-pack'), body: 'wants' }),
    ask(stage.address, pushPath, { ...post('receive-pack'), body: 'commands' }),
    ask(stage.address, pushPath, { ...post('receive-pack'), body: large }),
  ]
  await stage.held(4)
  await stage.comes(counts)
  const replies = await Promise.all(asked)
  assert.deepEqual(
    replies.map(({ status, body }) => [status, body]),
    [
      [200, '0'],
      [200, '5'],
      [200, '8'],
      [200, '1000000'],
    ],
  )
  await until('the lines', () => stage.lines.filter(({ waitedForHostMs }) => Number(waitedForHostMs) > 0).length === 4)
})

test('a host that is about to stop gets no more requests, and the next one gets all of them', async () => {
  await using stage = await gatewayBeforeNobody()
  const body = Buffer.alloc(1_000_000, 'x')
  const pushWhileItGoes = async () => {
    await stage.comes(isLeaving)
    const pushed = ask(stage.address, pushPath, { ...post('receive-pack'), body })
    // Probes find the host, and it gives the same refusal each time.
    await stage.held(1)
    await stage.goes()
    await stage.comes(counts)
    const { status, headers, body: counted } = await pushed
    if (status === 200) return counted
    // It was on its way once more when the host went, which may have begun it then.
    assert.equal(headers['sluice-reason'], 'host_failed')
    await stage.goes()
    return undefined
  }
  assert.equal(await until('a push that is held when its host goes', pushWhileItGoes), '1000000')
})

test('a fetch that a host ends at the end of its drain is sent to the next one', async () => {
  await using stage = await gatewayBeforeNobody()
  let requests = 0
  await stage.comes((incoming, outgoing) => {
    if (++requests > 1) return counts(incoming, outgoing)
    incoming.resume()
    outgoing.writeHead(503, { 'Sluice-Reason': 'draining' })
    outgoing.end('stopping\n')
  })
  const reply = await ask(stage.address, fetchPath, { ...post('upload-pack'), body: 'wants' })
  assert.deepEqual([reply.status, reply.body, requests], [200, '5', 2])
})

test('a refusal of a push that has begun is passed on', async () => {
  await using stage = await gatewayBeforeNobody()
  await stage.comes((incoming, outgoing) => {
    incoming.resume()
    outgoing.writeHead(503, { 'Sluice-Reason': 'draining' })
    outgoing.end('stopping\n')
  })
  const reply = await ask(stage.address, pushPath, { ...post('receive-pack'), body: 'commands' })
  assert.deepEqual([reply.status, reply.body], [503, 'stopping\n'])
})

test('that a host of a cluster is not the right one is passed on by a gateway that knows of no other', async () => {
  await using stage = await gatewayBeforeNobody()
  await stage.comes((_, outgoing) => {
    outgoing.writeHead(421, { [notBegunHeader]: 'yes', 'Sluice-Reason': 'misplaced' })
    outgoing.end('elsewhere\n')
  })
  const reply = await ask(stage.address, advertisement)
  assert.deepEqual([reply.status, reply.body], [421, 'elsewhere\n'])
})

test('the probe before a large push is sent again, and the push is not', async () => {
  await using stage = await gatewayBeforeNobody()
  let requests = 0
  await stage.comes((incoming, outgoing) => {
    if (++requests % 2 === 1) incoming.socket.destroy()
    else counts(incoming, outgoing)
  })
  const probed = await ask(stage.address, pushPath, { ...post('receive-pack'), body: '0000' })
  assert.deepEqual([probed.status, requests], [200, 2])
  const pushed = await ask(stage.address, pushPath, { ...post('receive-pack'), body: '0001' })
  assert.deepEqual([pushed.status, requests], [502, 3])
})

test('a reply is asked for again if its host went away before the client had any of it', async () => {
  await using stage = await gatewayBeforeNobody()
  const askAndGo = async () => {
    await stage.comes((_, outgoing) => {
      outgoing.write('the beginning')
      setImmediate(() => void stage.goes())
    })
    // A gateway that gets no processor time for a while no longer holds the beginning. Its client is then cut off.
    let isCut = false
    const asked = ask(stage.address, advertisement).catch(() => void (isCut = true))
    await until('the request to be held, or cut', async () => isCut || (await stage.waiting()) === 1)
    await stage.comes((_, outgoing) => outgoing.end('all of it'))
    const reply = await asked
    await (reply ? undefined : stage.goes())
    return reply
  }
  const reply = await until('a reply whose beginning is held', askAndGo)
  assert.deepEqual([reply.status, reply.body], [200, 'all of it'])
})

test('a reply that its host cuts on purpose is cut, and the request is sent once', async () => {
  await using stage = await gatewayBeforeNobody()
  let requests = 0
  await stage.comes((_, outgoing) => {
    requests++
    outgoing.write('the beginning')
    setImmediate(() => outgoing.destroy())
  })
  await assert.rejects(ask(stage.address, advertisement), /aborted/)
  assert.equal(requests, 1)
  assert.equal((await until('its line', () => stage.lines.find(({ kind }) => kind)))['reason'], 'host_failed')
})

test('a request that breaks its host each time is given up', async () => {
  await using stage = await gatewayBeforeNobody()
  let requests = 0
  await stage.comes((incoming) => {
    requests++
    incoming.socket.destroy()
  })
  const reply = await ask(stage.address, advertisement)
  assert.deepEqual([reply.status, reply.headers['retry-after'], requests], [503, '1', 3])
})

test('a request whose client has left is not sent', async () => {
  await using stage = await gatewayBeforeNobody()
  const sent = request({
    ...post('receive-pack'),
    host: '127.0.0.1',
    port: stage.address.split(':')[1],
    path: pushPath,
    agent: false,
  })
  sent.on('error', () => {})
  sent.end('commands')
  await stage.held(1)
  sent.destroy()
  await stage.held(0)
  let requests = 0
  await stage.comes((incoming, outgoing) => {
    requests++
    counts(incoming, outgoing)
  })
  assert.equal((await ask(stage.address, advertisement)).status, 200)
  assert.equal(requests, 1)
  const line = await until('its line', () => stage.lines.find(({ kind }) => kind === 'rpc'))
  assert.equal(line['outcome'], 'client_gone')
})

test('without a host for too long, or if nothing may wait, the answer is 503', async () => {
  for (const wait of ['0s', '100ms']) {
    await using stage = await gatewayBeforeNobody({ SLUICE_HOST_WAIT: wait })
    const reply = await ask(stage.address, pushPath, { ...post('receive-pack'), body: 'commands' })
    assert.deepEqual([reply.status, reply.headers['retry-after']], [503, '1'])
    assert.match(reply.body, /does not answer/)
    const line = await until('its line', () => stage.lines.find(({ reason }) => reason === 'host_unreachable'))
    assert.match(JSON.stringify(line['err']), /ENOENT/)
  }
})

test('a gateway stays ready while it holds requests for a host that was there', async () => {
  const ready = (address: string) => ask(address, '/readyz')
  for (const [wait, status] of [
    ['2m', 200],
    ['0s', 503],
  ] as const) {
    await using stage = await gatewayBeforeNobody({ SLUICE_HOST_WAIT: wait })
    assert.equal((await ready(stage.address)).status, 503)
    await stage.comes(counts)
    await until('it to be ready', async () => (await ready(stage.address)).status === 200)
    await stage.goes()
    assert.equal((await ready(stage.address)).status, status)
  }
})

test('a gateway that stops ends held requests at the end of its drain', async () => {
  await using stage = await gatewayBeforeNobody()
  const asked = ask(stage.address, advertisement)
  await stage.held(1)
  const hurry = new AbortController()
  const drained = stage.gateway.running.drain(stage.gateway.server, 60_000, hurry.signal)
  hurry.abort()
  assert.equal(await drained, 1)
  const reply = await asked
  assert.deepEqual([reply.status, reply.headers['sluice-reason']], [503, 'draining'])
})

test('the gateway reads no more than the beginning of a push before a host has accepted it', async () => {
  await using stage = await gatewayBeforeNobody()
  const socket = stage.connect()
  socket.on('error', () => {})
  const size = 64 * 2 ** 20
  const head = `POST ${pushPath} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\nUser-Agent: git/2.50.0\r\n`
  socket.write(`${head}Content-Type: application/x-git-receive-pack-request\r\n\r\n`)
  socket.write(Buffer.alloc(size))
  await stage.held(1)
  let before = -1
  await until('it to read no more', async () => {
    const isStill = socket.bytesWritten === before
    before = socket.bytesWritten
    await new Promise((resolve) => setTimeout(resolve, 100))
    return isStill && (await stage.held(1))
  })
  socket.destroy()
  const line = await until('the line', () => stage.lines.find(({ kind }) => kind === 'rpc'))
  const read = Number(line['bytesIn'])
  assert.ok(read >= 64 * 1024 && read <= 160 * 1024, `${read} bytes`)
})

/** What a host that fails at random does with one attempt. */
const treatments = ['leaving', 'cut at the head', 'cut in the body', 'cut at the end', 'answered'] as const

const seed = testSeed(1)

test(`whatever a host does, it begins no push twice, and gets whole bodies (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  await using stage = await gatewayBeforeNobody()
  const begun = new Map<string, number>()
  const received = new Map<string, Buffer>()
  await stage.comes((incoming, outgoing) => {
    const id = String(incoming.headers['x-request-id'])
    const treatment = random.pick(treatments)
    incoming.on('error', () => {})
    if (treatment === 'leaving') return isLeaving(incoming, outgoing)
    begun.set(id, (begun.get(id) ?? 0) + 1)
    if (treatment === 'cut at the head') return void incoming.socket.destroy()
    if (random.chance(0.5)) outgoing.writeProcessing()
    const chunks: Buffer[] = []
    const cutAfter = random.next() * 150_000
    incoming.on('data', (chunk: Buffer) => {
      const bytes = chunks.push(chunk) && Buffer.concat(chunks).length
      if (treatment === 'cut in the body' && bytes >= cutAfter) incoming.socket.destroy()
    })
    incoming.on('end', () => {
      if (treatment !== 'answered') incoming.socket.destroy()
      else {
        received.set(id, Buffer.concat(chunks))
        outgoing.end('done')
      }
    })
  })

  await Promise.all(
    Array.from({ length: 120 }, async (_, index) => {
      const isPush = random.chance(0.6)
      const body = Buffer.alloc(
        random.pick([8, 1000, 60_000, 65_536, 65_537, 140_000, 300_000]),
        String.fromCharCode(65 + (index % 26)),
      )
      const id = `request-${index}`
      const { status, reason } = await sendInPieces(stage.address, isPush, id, body, random)
      if (isPush) assert.ok((begun.get(id) ?? 0) <= 1, `${id} was begun ${begun.get(id)} times`)
      const whole = received.get(id)
      if (status === 200) assert.ok(whole?.equals(body), `${id}: ${whole?.length} of ${body.length} bytes`)
      else assert.ok(['host_failed', 'host_unreachable'].includes(reason), `${id}: ${status} ${reason}`)
      // The client may send again only what no host has begun.
      if (isPush && reason === 'host_unreachable') assert.equal(begun.get(id), undefined)
      if (isPush && status !== 200) assert.equal(whole, undefined)
    }),
  )
})

/** A body that comes bit by bit, half of the time without its length. */
async function sendInPieces(address: string, isPush: boolean, id: string, body: Buffer, random: SeededRandom) {
  const [host, port] = address.split(':')
  const { method, headers } = post(isPush ? 'receive-pack' : 'upload-pack')
  const length = random.chance(0.5) ? { 'Content-Length': String(body.length) } : {}
  const all = { ...headers, ...length, 'X-Request-Id': id }
  const sent = request({ host, port, method, path: isPush ? pushPath : fetchPath, headers: all, agent: false })
  sent.on('error', () => {})
  const replied = Promise.race([
    once(sent, 'response'),
    once(sent, 'close').then(() => Promise.reject(new Error(`${id} got no reply`))),
  ]) as Promise<[IncomingMessage]>
  for (let at = 0; at < body.length;) {
    const end = at + 1 + random.below(40_000)
    sent.write(body.subarray(at, end))
    at = end
    if (random.chance(0.3)) await new Promise(setImmediate)
  }
  sent.end()
  const [reply] = await replied
  reply.resume()
  await once(reply, 'end')
  return { status: reply.statusCode ?? 0, reason: String(reply.headers['sluice-reason']) }
}

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { target } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { App } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/*
 * One request must not stop the others: none may cost more than 50 ms of the event loop at a time, whatever it
 * contains. The test measures processor time. The bound grows with the time that this machine takes for a known piece
 * of work.
 */
const maxTurnMs = 100

let stack: Stack
let costs: Awaited<ReturnType<typeof temporaryFolder>>
let gitDir: string

before(async () => {
  costs = await temporaryFolder()
  const preload = fileURLToPath(new URL('../../packages/shared/testing/turn-cost.ts', import.meta.url))
  stack = await startStack({
    NODE_OPTIONS: `--import ${preload}`,
    TURN_COST: join(costs.path, 'cost'),
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
    SLUICE_PROTECTED_REFS:
      '**:refs/tags/v*.*.*=nobody, **:refs/heads/**/*a*a*a*a*b=no-delete, **:refs/**/x/**/y=no-force',
    SLUICE_MAX_PUSH: '**/*a*a*a*a*b=1GiB, *.*.*.*x=1GiB',
  })
  gitDir = join(stack.root, 'good.git')
  await mkdir(gitDir)
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 3)
})
after(async () => {
  await stack[Symbol.asyncDispose]()
  await costs[Symbol.asyncDispose]()
})

const kibibyte = 1024
const repeated = (text: string, bytes: number) => text.repeat(Math.max(1, Math.floor(bytes / text.length)))

/** The limit for headers, and so for addresses, is 16 KiB. */
const longest = 15 * kibibyte

function get(path: string, headers = ''): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`, 'latin1')
}

const page = (path: string, accept = 'text/html') => get(path, `Accept: ${accept}\r\n`)

function post(service: string, body: string | Buffer, headers = ''): Buffer {
  const head = [
    `POST /good.git/git-${service} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    'Git-Protocol: version=2',
    `Content-Type: application/x-git-${service}-request`,
    ...(headers.includes('chunked') ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n${headers}\r\n`), Buffer.from(body)])
}

const info = '/good.git/info/refs?service=git-upload-pack'
const header = (name: string, value: string) => get(info, `${name}: ${value}\r\n`)
const lsRefs = (args: string) => post('upload-pack', `${pktLine('command=ls-refs')}0001${args}${flushPacket}`)
const fetchOf = (args: string) => post('upload-pack', `${pktLine('command=fetch')}0001${args}${flushPacket}`)
const gzip = 'Content-Encoding: gzip\r\n'
const zero = '0'.repeat(40)
const command = (ref: string, more = '') => pktLine(`${zero} ${'1'.repeat(40)} ${ref}${more}`)
const report = '\0 report-status'

function hostile(): Record<string, Buffer> {
  const small = 60 * kibibyte
  const list = 1000 * kibibyte
  const pushes: Record<string, string> = {
    'empty lines': repeated('0004', list),
    'lines of a byte': repeated('0005x', list),
    'lines without a command, with a capability each': repeated('0006\0a', list),
    'lines full of capabilities': repeated(pktLine(`\0${' a'.repeat(30_000)}`), list),
    'a certificate of short lines': pktLine(`push-cert${report}`) + repeated('0005\n', list),
    'a certificate of empty lines': pktLine(`push-cert${report}`) + repeated(pktLine('\n'.repeat(60_000)), list),
    'ten thousand commands':
      command('refs/heads/first', report) +
      Array.from({ length: 9000 }, (_, n) => command(`refs/heads/${'a'.repeat(10)}${n}`)).join(''),
    'a thousand deep names':
      command('refs/heads/first', report) +
      Array.from({ length: 400 }, (_, n) => command(`refs/${'x/'.repeat(1000)}${n}`)).join(''),
    'the name of dots': command(`refs/tags/v${'.'.repeat(60_000)}/x`, report),
    'the name of dots between letters': command(`refs/tags/v${'.a'.repeat(30_000)}/x`, report),
    'the longest valid names':
      command('refs/heads/first', report) + repeated(command(`refs/heads/${'a'.repeat(4000)}`), list),
  }
  return {
    'a path of 1,900 parts': get(`/${'a/'.repeat(1900)}x.git/info/refs?service=git-receive-pack`),
    'a path of 60 parts': get(`/${'a/'.repeat(60)}x.git/info/refs?service=git-receive-pack`),
    'an encoded path': get(`/${repeated('%61', longest)}/info/refs?service=git-upload-pack`),
    'a path of one ending': get(`/${repeated('.git', 4000)}x/info/refs?service=git-upload-pack`),
    'a name for patterns': get(`/${'a.'.repeat(119)}/${'a'.repeat(240)}/info/refs?service=git-upload-pack`),
    'requests sent ahead': Buffer.from('GET / HTTP/1.1\r\nHost:\r\n\r\n'.repeat(2400)),
    'a query of nothing': get(`/good.git/info/refs?${'&'.repeat(longest)}`),
    'a query of pairs': get(`/good.git/info/refs?${repeated('a=%61&', longest)}`),
    'many headers': get(info, Array.from({ length: 1500 }, (_, n) => `a${n}: b\r\n`).join('')),
    'one header many times': get(info, repeated('X-Forwarded-For: a\r\n', longest)),
    'a list of addresses': header('X-Forwarded-For', repeated('127.0.0.1,', longest)),
    'a list of commas': header('X-Forwarded-For', ','.repeat(longest)),
    'forwarded': header('Forwarded', repeated('for="[::1]";', longest)),
    'a trace': get(info, `traceparent: 00-${'0'.repeat(7000)}\r\ntracestate: ${'a=b,'.repeat(1800)}\r\n`),
    'a log-in': header('Authorization', `Basic ${Buffer.from(':'.repeat(11_000)).toString('base64')}`),
    'a log-in of spaces': header('Authorization', `Basic${' '.repeat(longest)}x y`),
    'a request id': header('X-Request-Id', 'a'.repeat(longest)),
    'a protocol': header('Git-Protocol', repeated('a=b:', longest)),
    'a wish of a thousand types': page('/x', repeated('a/b;q=0.5,', 1000)),
    'a wish of a thousand quotes': page('/x', `text/html;a=${repeated('"\\', 1000)}`),
    'a long wish': page('/x', repeated('text/html;q="",', longest)),
    'a page for a name of marks': page(`/${repeated('%22%3E%3C/', 1200)}`),
    'a page for a name of endings': page(`/${repeated('.git', 4000)}`),
    'an import path': get(`/${repeated('a/', longest)}v2?go-get=1`),
    'an import path of versions': get(`/${repeated('v2/', longest)}?go-get=1`),
    'a host told by proxies': get('/x?go-get=1', `X-Forwarded-Host: ${repeated('a:', longest)}\r\n`),
    'addresses of LFS': get(`/${repeated('x/info/lfsx/', longest)}`),
    'a page’s origin': get(info, `Origin: ${repeated('https://a', longest)}\r\n`),
    'ls-refs of bytes': lsRefs(repeated('0005x', small)),
    'ls-refs of nothing': lsRefs(repeated('0004', small)),
    'ls-refs of prefixes': lsRefs(repeated(pktLine('ref-prefix a'), small)),
    'fetch of haves': fetchOf(repeated(pktLine(`have ${zero}`), small)),
    'fetch of wants': fetchOf(repeated(pktLine(`want ${'1'.repeat(40)}`), small)),
    'fetch of filters': fetchOf(repeated(pktLine('filter combine:blob:none+tree:1'), small)),
    'a bomb': post('upload-pack', gzipSync(Buffer.alloc(64 * kibibyte * kibibyte, '0004')), gzip),
    ...Object.fromEntries(
      Object.entries(pushes).flatMap(([what, lines]) => [
        [`a push with ${what}`, post('receive-pack', lines + flushPacket)],
        [`a push with ${what}, in gzip`, post('receive-pack', gzipSync(lines + flushPacket), gzip)],
      ]),
    ),
  }
}

test('no request costs more than a moment of the event loop', async (t) => {
  const tooDear: string[] = []
  for (const [what, bytes] of Object.entries(hostile())) {
    for (const [door, { address }] of Object.entries({ gateway: stack.gateway, supervisor: stack.supervisor })) {
      for (const [name, cost] of Object.entries(await costOf(address, bytes))) {
        const words = `${what}, sent to the ${door}: ${cost.toFixed(1)} ms in the ${name}`
        if (cost > maxTurnMs / 4) t.diagnostic(words)
        if (cost > maxTurnMs && cost > maxTurnMs * slowness()) tooDear.push(words)
      }
    }
  }
  await until('nothing to be at work', async () => isQuiet(await stack.status()))
  assert.deepEqual(tooDear, [])
})

test('a body in pieces of one byte is refused as soon as it is known for one', async () => {
  for (const service of ['upload-pack', 'receive-pack']) {
    const pieces = repeated('1\r\n0\r\n', 600 * kibibyte)
    const reply = await send(stack.gateway.address, post(service, pieces, 'Transfer-Encoding: chunked\r\n'))
    assert.match(reply, /^(HTTP\/1\.1 102 Processing\r\n\r\n)*HTTP\/1\.1 400 .*Sluice-Reason: tiny_pieces/s, service)
  }
})

/** The longest turn in each application. What costs only once (compiling, collecting garbage) does not count. */
async function costOf(address: string, bytes: Buffer): Promise<{ gateway: number; supervisor: number }> {
  let least = { gateway: Infinity, supervisor: Infinity }
  for (let round = 0; round < 6 && Math.max(least.gateway, least.supervisor) > maxTurnMs / 2; round++) {
    await begin()
    await send(address, bytes)
    least = {
      gateway: Math.min(least.gateway, await longestTurn(stack.gateway)),
      supervisor: Math.min(least.supervisor, await longestTurn(stack.supervisor)),
    }
  }
  return least
}

/** How many times slower than an ordinary machine this one is at a known piece of work; never less than 1. */
function slowness(): number {
  const rounds = Array.from({ length: 5 }, () => {
    const before_ = process.threadCpuUsage()
    let lines = 0
    for (let n = 0; n < 100_000; n++) lines += /^[0-9a-f]{4}$/.test(n.toString(16).padStart(4, '0')) ? 1 : 0
    assert.ok(lines > 0)
    const { user, system } = process.threadCpuUsage(before_)
    return (user + system) / 1000
  })
  return Math.max(1, Math.min(...rounds) / ordinaryMs)
}

/** The time of that work on one core of about 3 GHz. */
const ordinaryMs = 12

/** Lets both begin anew, and once more where something was still at work at that moment. */
async function begin(): Promise<void> {
  await until('both to begin anew', async () => {
    const turns = await Promise.all([turnSinceAnew(stack.gateway), turnSinceAnew(stack.supervisor)])
    return turns.every((turn) => turn < 20)
  })
}

async function turnSinceAnew(app: App): Promise<number> {
  await rm(costFile(app), { force: true })
  app.signal('SIGUSR2')
  await until('an application to begin anew', () => existsSync(costFile(app)))
  return await longestTurn(app)
}

async function longestTurn(app: App): Promise<number> {
  return Number(await readFile(costFile(app), 'utf8').catch(() => '0'))
}

const costFile = ({ pid }: App) => join(costs.path, `cost.${pid}`)

/** Sends the bytes and waits until the server has answered and closed. Leaves if the server waits for more. */
function send(address: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let reply = ''
    const socket = connect(target(address))
    socket.on('error', () => {})
    socket.on('close', () => resolve(reply))
    socket.on('data', (chunk: Buffer) => (reply += chunk.toString('latin1')))
    socket.end(bytes)
  })
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask, sendRaw, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** The outcomes that docs/operate/observe.md promises, each with real git and in the logs of both applications. */

let stack: Stack
before(async () => {
  stack = await startStack({ SLUICE_MAX_PUSH: '*=100KiB' })
})
after(() => stack[Symbol.asyncDispose]())

let count = 0

/** A repository with three commits, and a clone of it with one more. */
async function repository(config: Record<string, string> = {}) {
  const name = `r${++count}.git`
  const gitDir = join(stack.root, name)
  await git(stack.root, ['init', '-q', '--bare', name])
  await importHistory(gitDir, 3)
  const clone = join(stack.folder, `clone-${count}`)
  await git(stack.folder, ['clone', '-q', gitDir, clone])
  await git(clone, ['commit', '-q', '--allow-empty', '-m', 'one more'])
  await git(clone, ['remote', 'set-url', 'origin', `${stack.url}/${name}`])
  for (const [key, value] of Object.entries(config)) await git(gitDir, ['config', key, value])
  return { name, gitDir, clone, url: `${stack.url}/${name}` }
}

/** The line of the last POST to a repository in the host's log. The gateway's line must agree with it. */
async function lineOf(name: string, fits: (line: LogLine) => boolean = () => true): Promise<LogLine> {
  const isIt = (line: LogLine) => line['repository'] === name && line['kind'] === 'rpc' && Number(line['bytesIn']) > 4
  const host = await stack.supervisor.line((line) => isIt(line) && fits(line))
  const gateway = await stack.gateway.line((line) => line['requestId'] === host['requestId'])
  assert.deepEqual([gateway['outcome'], gateway['reason']], [host['outcome'], host['reason']])
  return host
}

const endOf = ({ outcome, reason, level }: LogLine) => [outcome, reason, level]

describe('a push that its user can mend is refused, at info', () => {
  const pushes: {
    what: string
    config?: Record<string, string>
    hook?: [string, string]
    args: string[]
    said: RegExp
  }[] = [
    {
      what: 'pre-receive declines',
      hook: ['pre-receive', '#!/bin/sh\necho "error: x: No space left on device" >&2\nexit 1\n'],
      args: ['HEAD:main'],
      said: /refs\/heads\/main: pre-receive hook declined/,
    },
    {
      what: 'update declines',
      hook: ['update', '#!/bin/sh\nexit 1\n'],
      args: ['HEAD:main'],
      said: /main: hook declined/,
    },
    {
      what: 'an atomic push of which one reference is declined',
      hook: ['update', '#!/bin/sh\ntest "$1" != refs/heads/bad\n'],
      args: ['--atomic', 'HEAD:good', 'HEAD:bad'],
      said: /refs\/heads\/bad: hook declined/,
    },
    {
      what: 'a non-fast-forward',
      config: { 'receive.denyNonFastForwards': 'true' },
      args: ['-f', 'HEAD~2:main'],
      said: /main: non-fast-forward/,
    },
    {
      what: 'a deletion',
      config: { 'receive.denyDeletes': 'true' },
      args: [':main'],
      said: /main: deletion prohibited/,
    },
    { what: 'a directory in the way', args: ['HEAD:refs/heads/main/x'], said: /refs\/heads\/main\/x: / },
    {
      what: 'a hidden reference',
      config: { 'receive.hideRefs': 'refs/hidden' },
      args: ['HEAD:refs/hidden/x'],
      said: /hidden ref/,
    },
    {
      what: 'proc-receive declines',
      config: { 'receive.procReceiveRefs': 'refs/for' },
      args: ['HEAD:refs/for/main'],
      said: /refs\/for\/main: /,
    },
  ]
  for (const { what, config, hook: script, args, said } of pushes) {
    test(what, async () => {
      const { name, gitDir, clone } = await repository(config)
      if (script) await writeHook(gitDir, ...script)
      const { code } = await tryGit(clone, ['push', '-q', 'origin', ...args])
      assert.notEqual(code, 0)
      const line = await lineOf(name)
      assert.match((line['rejected'] as string[]).join('\n'), said)
      // If a repository names a hook that does not exist, that is not its users' fault.
      if (what.startsWith('proc-receive')) assert.equal(line['outcome'], 'git_failed')
      else assert.deepEqual(endOf(line), ['refused', 'push_rejected', 'info'])
    })
  }
})

test('a checked-out branch is not pushed to', async () => {
  const { clone } = await repository()
  const name = `work${++count}`
  await git(stack.root, ['clone', '-q', clone, name])
  const { code } = await tryGit(clone, ['push', '-q', `${stack.url}/${name}`, 'HEAD~1:main', '-f'])
  assert.notEqual(code, 0)
  assert.deepEqual(endOf(await lineOf(name)), ['refused', 'push_rejected', 'info'])
})

test('a client that asks for no side-band gets the same message, and the same log line', async () => {
  const { name, gitDir, clone } = await repository()
  await writeHook(gitDir, 'update', '#!/bin/sh\nexit 1\n')
  await tryGit(clone, ['-c', 'sendpack.sideband=false', 'push', '-q', 'origin', 'HEAD:main'])
  assert.deepEqual(endOf(await lineOf(name)), ['refused', 'push_rejected', 'info'])
})

test('a pack that is too large is refused, and the message names the limit', async () => {
  const { name, clone } = await repository()
  await writeFile(join(clone, 'large'), Array.from({ length: 30_000 }, () => Math.random()).join('\n'))
  await git(clone, ['add', '.'])
  await git(clone, ['commit', '-q', '-m', 'large'])
  const { code, stderr } = await tryGit(clone, ['push', 'origin', 'HEAD:main'])
  assert.notEqual(code, 0)
  assert.match(stderr, /remote: .*larger than the 100(\.00)? KiB that may be pushed .*SLUICE_MAX_PUSH/)
  assert.deepEqual(endOf(await lineOf(name)), ['refused', 'push_too_large', 'info'])
})

test('a client that sends all of a pack that is too large before it reads gets to read everything', async () => {
  const { name } = await repository()
  const push = tooLargePush(40 * 1024 * 1024)
  const head = [
    `POST /${name}/git-receive-pack HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/x-git-receive-pack-request',
    `Content-Length: ${push.length}`,
    'Connection: close',
    '\r\n',
  ].join('\r\n')
  const reply = await sendRaw(new URL(stack.url).host, Buffer.concat([Buffer.from(head), push]))
  assert.match(reply, /^HTTP\/1\.1 200 /)
  assert.match(reply, /larger than the 100(\.00)? KiB that may be pushed [^]*ng refs\/heads\/new [^]*0000\r\n/)
  const line = await lineOf(name)
  assert.deepEqual(endOf(line), ['refused', 'push_too_large', 'info'])
  assert.equal(line['bytesIn'], push.length)
})

/** A push that creates a branch, with a pack of one blob that does not compress. */
function tooLargePush(bytes: number): Buffer {
  const command = `${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/new\0report-status side-band-64k`
  // gitformat-pack(5): a type, and seven bits of the size at a time.
  const size = [(3 << 4) | (bytes & 15) | 0x80]
  for (let rest = bytes >> 4; ; rest >>= 7) {
    size.push(rest > 127 ? (rest & 127) | 0x80 : rest)
    if (rest <= 127) break
  }
  const pack = [
    Buffer.from('PACK\0\0\0\x02\0\0\0\x01'),
    Buffer.from(size),
    deflateSync(Buffer.alloc(bytes), { level: 0 }),
  ]
  return Buffer.concat([Buffer.from(pktLine(command) + flushPacket), ...pack])
}

describe('a fault of the repository is the server’s, at warn', () => {
  for (const readers of [1, 3]) {
    test(`a damaged object, ${readers} at once`, async () => {
      const { name, gitDir, url } = await repository()
      await git(gitDir, ['repack', '-adq'])
      const folder = join(gitDir, 'objects/pack')
      const pack = (await readdir(folder)).find((file) => file.endsWith('.pack'))!
      await chmod(join(folder, pack), 0o644)
      await truncate(join(folder, pack), 200)
      const clones = Array.from({ length: readers }, (_, index) =>
        tryGit(stack.folder, ['clone', '-q', url, join(stack.folder, `damaged-${count}-${index}`)]),
      )
      for (const { code } of await Promise.all(clones)) assert.notEqual(code, 0)
      const line = await lineOf(name, ({ command, outcome }) => command === 'fetch' || outcome !== 'completed')
      assert.deepEqual(endOf(line), ['git_failed', 'git_failed', 'warn'])
      const all = stack.supervisor.lines.filter((l) => l['repository'] === name && l['command'] === 'fetch')
      for (const one of all) assert.equal(one['outcome'], 'git_failed')
      const status = JSON.parse((await ask(stack.supervisor.operations, '/-/status.json')).body) as {
        failures: { repository: string; said?: string; reason: string }[]
      }
      assert.ok(status.failures.some((failure) => failure.repository === name && failure.reason === 'git_failed'))
      const { body } = await ask(stack.supervisor.operations, '/metrics')
      assert.match(body, /sluice_refusals_total\{outcome="git_failed",reason="git_failed"/)
    })
  }

  test('a lock that stays', async () => {
    const { name, gitDir, clone } = await repository()
    await writeFile(join(gitDir, 'refs/heads/main.lock'), '')
    await tryGit(clone, ['push', '-q', 'origin', 'HEAD:main'])
    const line = await lineOf(name)
    await rm(join(gitDir, 'refs/heads/main.lock'))
    assert.deepEqual(endOf(line), ['git_failed', 'git_failed', 'warn'])
    assert.match(String(line['said']), /main\.lock': File exists/)
  })

  test('a hook that cannot be run', async () => {
    const { name, gitDir, clone } = await repository()
    await writeHook(gitDir, 'pre-receive', '#!/nonexistent\n')
    await tryGit(clone, ['push', '-q', 'origin', 'HEAD:main'])
    assert.deepEqual(endOf(await lineOf(name)), ['git_failed', 'git_failed', 'warn'])
  })
})

describe('a request that git does not send is the client’s mistake', () => {
  const nobodys = 'a'.repeat(40)
  const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text
  const requests: { what: string; service: string; version?: number; body: string; status: number }[] = [
    { what: 'nothing', service: 'upload-pack', body: '', status: 400 },
    { what: 'half a line', service: 'receive-pack', body: '0094000000', status: 400 },
    { what: 'a command of a push that is none', service: 'receive-pack', body: `${line('hello\n')}0000`, status: 400 },
    {
      what: 'no object of ours',
      service: 'upload-pack',
      body: `${line(`want ${nobodys}\n`)}0000${line('done\n')}`,
      status: 200,
    },
    {
      what: 'no object of ours, in version 2',
      service: 'upload-pack',
      version: 2,
      body: `${line('command=fetch')}0001${line(`want ${nobodys}\n`)}${line('done\n')}0000`,
      status: 200,
    },
    { what: 'no want', service: 'upload-pack', body: `${line('hello\n')}0000`, status: 400 },
    { what: 'no command', service: 'upload-pack', version: 2, body: `${line('command=brew\n')}0000`, status: 400 },
    { what: 'no capability', service: 'upload-pack', version: 2, body: `${line('brew\n')}0000`, status: 400 },
    {
      what: 'an argument that is none',
      service: 'upload-pack',
      version: 2,
      body: `${line('command=fetch')}0001${line('brew\n')}0000`,
      status: 400,
    },
    {
      what: 'a depth that is none',
      service: 'upload-pack',
      version: 2,
      body: `${line('command=fetch')}0001${line('deepen x\n')}0000`,
      status: 400,
    },
    {
      what: 'a filter that is none',
      service: 'upload-pack',
      version: 2,
      body: `${line('command=fetch')}0001${line('filter brew\n')}0000`,
      status: 400,
    },
    {
      what: 'another object format',
      service: 'upload-pack',
      version: 2,
      body: `${line('command=ls-refs\n')}${line('object-format=sha256')}0000`,
      status: 400,
    },
  ]
  for (const { what, service, version, body, status } of requests) {
    test(`${what}: ${service}`, async () => {
      const { name } = await repository()
      const requestId = `mistake-${count}`
      const reply = await ask(stack.gateway.address, `/${name}/git-${service}`, {
        method: 'POST',
        headers: {
          'Content-Type': `application/x-git-${service}-request`,
          'X-Request-Id': requestId,
          ...(version && { 'Git-Protocol': `version=${version}` }),
        },
        body,
      })
      assert.equal(reply.status, status, reply.body)
      const logged = await stack.supervisor.line((l) => l['requestId'] === requestId)
      assert.deepEqual(endOf(logged), ['refused', 'git_refused', 'info'])
      const gateways = await stack.gateway.line((l) => l['requestId'] === requestId)
      assert.deepEqual(endOf(gateways), ['refused', 'git_refused', 'info'])
      assert.equal(reply.body.includes(stack.folder), false)
    })
  }
})

test('a push whose client leaves as soon as it has the report is completed', async () => {
  const { name, gitDir, clone } = await repository()
  await writeHook(gitDir, 'post-receive', '#!/bin/sh\necho running >&2\nwhile ! test -e go; do sleep 0.1; done\n')
  const [from, to] = (await git(clone, ['rev-parse', 'HEAD~1', 'HEAD'])).split('\n')
  const pack = await packOf(clone, `${to}\n^${from}\n`)
  const command = `${from} ${to} refs/heads/main\0report-status side-band-64k\n`
  const sent = request({
    ...target(stack.gateway.address),
    path: `/${name}/git-receive-pack`,
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/x-git-receive-pack-request', 'X-Request-Id': 'has-report' },
  })
  sent.on('error', () => {})
  sent.end(Buffer.concat([Buffer.from(`${(command.length + 4).toString(16).padStart(4, '0')}${command}0000`), pack]))
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  reply.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await until('the report', () => text.includes('ok refs/heads/main'))
  reply.destroy()
  await writeFile(join(gitDir, 'go'), '')
  for (const app of [stack.supervisor, stack.gateway]) {
    const line = await app.line((one) => one['requestId'] === 'has-report')
    assert.deepEqual(endOf(line), ['completed', undefined, 'info'])
    assert.equal(line['committedAfterDisconnect'], undefined)
  }
  assert.equal(await git(gitDir, ['rev-parse', 'main']), to)
})

function packOf(cwd: string, revisions: string): Promise<Buffer> {
  const child = spawn('git', ['pack-objects', '--stdout', '--revs', '-q'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(revisions)
  return buffer(child.stdout)
}

test('a push that works is completed, and so are a clone and a fetch', async () => {
  const { name, clone, url } = await repository()
  await git(clone, ['push', '-q', 'origin', 'HEAD:main'])
  assert.deepEqual(endOf(await lineOf(name, (line) => line['service'] === 'receive-pack')), [
    'completed',
    undefined,
    'info',
  ])
  await git(stack.folder, ['clone', '-q', url, join(stack.folder, `again-${count}`)])
  for (const line of stack.supervisor.lines.filter((l) => l['repository'] === name))
    assert.equal(line['outcome'], 'completed')
})

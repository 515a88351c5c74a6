import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { HostStatus } from '@sluice/gitworker/operations/host-status'
import { startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { withoutColours } from '../src/output/paint.ts'
import { run } from '../src/run.ts'
import { statusLines } from '../src/status/status-lines.ts'
import { call, documentOf } from './support/call.ts'

const lane = { slots: 8, configured: 16, running: 3, waiting: 256, queueLength: 256 }
const request = {
  requestId: 'r',
  repository: 'team/a-name-that-is-longer-than-most-of-them/web',
  service: 'git-upload-pack',
  kind: 'rpc',
  client: '192.0.2.1',
  user: 'ann\x1b]0;title\x07',
  ageMs: 61_000,
  bytesIn: 300,
  bytesOut: 5_000_000,
  phase: 'serving',
  worker: 7,
} as const
const failure = {
  at: '2026-01-01T00:00:00.000Z',
  requestId: 'f',
  repository: 'team/web',
  service: 'git-receive-pack',
  client: '192.0.2.1',
  outcome: 'git_failed',
  reason: undefined,
  said: 'fatal: \x1b[2Jno\u202E',
  status: 500,
  ms: 3,
}
const busy: HostStatus = {
  at: '2026-01-01T00:00:05.000Z',
  facts: { version: '1.2.3', git: 'git version 2.50', runtime: 'launcher', root: '/srv/git' },
  uptimeSeconds: 7300,
  memoryBytes: 2 ** 27,
  ready: true,
  reason: undefined,
  workers: { starting: 0, idle: 4, serving: 2, draining: 0, stopping: 0 },
  lanes: (['fetch', 'push', 'push-advertisement', 'job'] as const).map((name) => ({ lane: name, ...lane })),
  requests: Array.from({ length: 100 }, () => request),
  requestsInAll: 230,
  failures: Array.from({ length: 50 }, () => failure),
  disks: [{ disk: 'root', freeBytes: 2 ** 33, totalBytes: 2 ** 40, freeInodes: 5, totalInodes: 9 }],
  maintenance: { waiting: 0, running: [] },
  mirrors: undefined,
  events: undefined,
  leaked: { processes: 0, zombies: 0 },
}

const events: HostStatus['events'] = {
  receivers: 2,
  failing: 1,
  waiting: 12,
  isMore: false,
  oldestSeconds: 65,
  parked: 0,
  lastFailure: { receiver: 'ci', at: '2026-01-01T00:00:00.000Z', why: 'it answered 500: \x1b[2J' },
}

test('the view fits the terminal, and the requests and failures share the room', () => {
  for (const [columns, rows] of [
    [80, 24],
    [200, 60],
    [40, 18],
  ] as const) {
    const lines = statusLines(busy, { columns, paint: withoutColours }, rows)
    assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`)
    for (const line of lines) assert.ok(line.length <= columns, line)
    const text = lines.join('\n')
    assert.match(text, /1 m 1 s {2}serving/)
    assert.match(text, /and \d+ more, 230 in all/)
    assert.match(text, /5\.0 s ago/)
  }
})

test('without a terminal, everything is shown, and nothing that steers one', () => {
  const text = statusLines({ ...busy, events }, { columns: undefined, paint: withoutColours }).join('\n')
  assert.equal(text.match(/serving /g)?.length, 101)
  assert.equal(text.match(/git_failed/g)?.length, 50)
  assert.match(text, /lowered from 16, full/)
  assert.match(
    text,
    /^events +2 receivers {2}1 failing {2}12 waiting, the oldest for 1 m 5 s {2}last failure 5.0 s ago: ci: it answered 500/m,
  )
  assert.match(text, /and 130 more, 230 in all/)
  for (const steering of ['\x1b', '\x07', '\u202E']) assert.ok(!text.includes(steering))
})

test('a running supervisor is shown once, or as its document', async () => {
  await using stack = await startStack()
  const env = { SLUICE_SUPERVISOR_OPERATIONS: stack.supervisor.operations }
  const { exitCode, stdout } = await call(['status'], { env })
  assert.equal(exitCode, 0)
  assert.match(stdout, /^host +Ready[^]*^fetch +0 of \d+ +0 of 256$[^]*No requests\./m)
  const { document } = await documentOf(['status', '--address', stack.supervisor.operations])
  assert.equal((document as HostStatus).facts.root, stack.root)
})

test('where no supervisor answers, that is said with what to do', async () => {
  const nobody = await call(['status', '--address', 'unix:/nowhere/operators.sock'])
  assert.equal(nobody.exitCode, 1)
  assert.match(
    nobody.stderr,
    /No supervisor answers on unix:\/nowhere\/operators\.sock: there is no such socket\. Start/,
  )
  const wrong = await call(['status', '--address', 'here'])
  assert.equal(wrong.exitCode, 2)
  assert.match(wrong.stderr, /"here" is no address: write host:port, or unix:\/path\./)
  const other = createServer((_incoming, outgoing) => outgoing.end('hello')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const answered = await call(['status', '--address', `127.0.0.1:${(other.address() as AddressInfo).port}`])
  other.close()
  assert.equal(answered.exitCode, 1)
  assert.match(answered.stderr, /is no supervisor of this version \(status 200\)\. SLUICE_SUPERVISOR_OPERATIONS/)
})

test('the live view goes on while nobody answers, and gives the terminal back at the end', async () => {
  let isGone = false
  const host = createServer((_incoming, outgoing) => {
    if (isGone) outgoing.destroy()
    else outgoing.end(JSON.stringify(busy))
  })
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  const modes: boolean[] = []
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => (modes.push(raw), stdin),
  })
  let shown = ''
  const stdout = { isTTY: true, columns: 80, rows: 24, write: (text: string) => void (shown += text) }
  const at = { env: {}, stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr: stdout }
  const over = run(['status', '--address', `127.0.0.1:${(host.address() as AddressInfo).port}`], at)
  await until('the first view', () => shown.includes('q or Ctrl-C'))
  assert.ok(shown.startsWith('\x1b[?1049h\x1b[?25l\x1b[?7l'))
  isGone = true
  await until('the trouble to be said', () => /No answer\. What is shown is .* old/.test(shown))
  isGone = false
  await until('the next view', () => shown.lastIndexOf('q or Ctrl-C') > shown.lastIndexOf('No answer'))
  stdin.write('q')
  assert.equal(await over, 0)
  assert.ok(shown.endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l'))
  assert.deepEqual(modes, [true, false])
  assert.equal(process.listenerCount('SIGWINCH') + process.listenerCount('SIGHUP'), 0)
  host.closeAllConnections()
  host.close()
})

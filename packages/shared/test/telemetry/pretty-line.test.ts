import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prettyLine, prettyLineColumns } from '../../src/telemetry/pretty-line.ts'

const request = {
  app: 'gateway',
  msg: 'upload-pack rpc team/app.git: completed',
  outcome: 'completed',
  service: 'upload-pack',
  kind: 'rpc',
  repository: 'team/app.git',
  user: 'alice',
  client: '192.0.2.1',
  ms: 12.4,
  bytesIn: 345,
  bytesOut: 1_234_567,
}

test('a request’s line says who did what where, how it ended, how long it took and how much it moved', () => {
  const said = (line: string) => line.split(/ {2,}| (?=fetch|push)/)
  assert.deepEqual(said(prettyLine(request)), [
    'gateway alice',
    'fetch',
    'team/app.git',
    'completed',
    '12 ms 345 B ↑ 1.2 MB ↓',
  ])
  const refused = { ...request, user: undefined, service: 'receive-pack', outcome: 'shed', reason: 'queue_full' }
  assert.match(prettyLine({ ...refused, app: 'supervisor' }), /^host +192\.0\.2\.1 +push +team\/app\.git +queue_full /)
})

test('whatever it contains, a line is one line of bounded width and steers no terminal', () => {
  const long = '日\u001b[2J\r\n\u2028x'.repeat(500)
  for (const fields of [
    { ...request, user: long, repository: long, reason: long, ms: 123_456_789.1, bytesIn: 999_999, bytesOut: 1e15 },
    { app: 'gateway', msg: long, more: long, err: { message: long } },
    { app: long, msg: undefined, outcome: 'completed', ms: undefined },
  ]) {
    const line = prettyLine(fields)
    assert.ok(line.length <= prettyLineColumns, line)
    assert.doesNotMatch(line, /[\p{Cc}\u2028]/u)
  }
})

test('any other line has its facts after its sentence, and the error', () => {
  const fields = {
    level: 'info',
    time: 'now',
    pid: 4,
    app: 'gateway',
    msg: 'draining',
    running: 3,
    err: { message: 'boom' },
  }
  assert.equal(prettyLine(fields), 'gateway draining running=3 (boom)')
  const spawned = { app: 'supervisor', msg: 'spawn', args: ['git', 'upload-pack'], worker: 5, more: [{}] }
  assert.equal(prettyLine(spawned), 'host    spawn args=git upload-pack worker=5')
})

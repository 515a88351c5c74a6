import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { UploadAudit } from '../../src/lfs/call/upload-audit.ts'
import { recordLog } from '../support/recorded-log.ts'

const who = { id: 'r', clientAddress: '10.0.0.1', user: 'ann' }
const pointer = { oid: 'a'.repeat(64), size: 5 }

function openAudit() {
  const lines: Record<string, unknown>[] = []
  const append = async (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  return { lines, audit: new UploadAudit({ append }, silentLog) }
}

test('an upload that went past this host has the line of one that came through it', async () => {
  const { lines, audit } = openAudit()
  await audit.record(who, 'team/x.git', pointer)
  await audit.recordArrived(who, 'team/x.git', pointer)
  const [through, past] = lines.map((line): Record<string, unknown> => ({ ...line, time: '' }))
  assert.deepEqual(past, through)
  const { event, repository, user, oid, size } = past!
  assert.deepEqual([event, repository, user, oid, size], ['lfs', 'team/x', 'ann', pointer.oid, 5])
})

test('it has one line, however often its client asks, and one more when it is uploaded again', async () => {
  const { lines, audit } = openAudit()
  for (const name of ['x', 'x.git', 'x', 'y']) await audit.recordArrived(who, name, pointer)
  assert.deepEqual(
    lines.map(({ repository }) => repository),
    ['x', 'y'],
  )
  audit.expect('x', pointer.oid)
  await audit.recordArrived(who, 'x', pointer)
  assert.equal(lines.length, 3)
})

test('a line that cannot be written is in the log of the host', async () => {
  const { lines, log } = recordLog()
  const append = async () => await Promise.reject(new Error('full'))
  await new UploadAudit({ append }, log).recordArrived(who, 'x', pointer)
  assert.match(JSON.stringify(lines), /not in the audit log: an upload/)
})

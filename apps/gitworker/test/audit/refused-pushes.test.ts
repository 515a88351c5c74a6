import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { RefusedPushes } from '../../src/audit/refused-pushes.ts'
import type { AuditLog } from '../../src/audit/audit-log.ts'
import type { RequestRecord } from '../../src/operations/request-record.ts'

const exchange = { id: 'id', clientAddress: '::1', user: undefined } as Exchange

function recordOf(more: Partial<RequestRecord> = {}): RequestRecord {
  const request = { service: 'receive-pack', repository: 'a.git' } as NonNullable<RequestRecord['request']>
  return { phase: 'ending', outcome: 'refused', request, refusal: new Refusal('read_only'), ...more }
}

test('refused pushes are recorded at a bounded rate, with a count of those that are not', async () => {
  const lines: Record<string, unknown>[] = []
  const append = async (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  let now = 0
  const refused = new RefusedPushes({ append } as unknown as AuditLog, silentLog, () => now)
  for (let time = 0; time < 100; time++) await refused.ended(exchange, recordOf())
  assert.equal(lines.length, 60)
  assert.equal(lines[0]?.['reason'], 'read_only')
  now = 4000
  for (let time = 0; time < 100; time++) await refused.ended(exchange, recordOf())
  assert.equal(lines.length, 62)
  assert.equal(lines[60]?.['leftOutBefore'], 40)
  assert.equal(lines[61]?.['leftOutBefore'], undefined)
})

test('what is no refused push is not recorded as one', async () => {
  const append = async () => assert.fail('recorded')
  const refused = new RefusedPushes({ append } as unknown as AuditLog, silentLog)
  const fetch = { service: 'upload-pack', repository: 'a' } as NonNullable<RequestRecord['request']>
  for (const more of [{ request: fetch }, { outcome: 'completed' }, { outcome: 'client_gone' }, { refs: [] }] as const)
    await refused.ended(exchange, recordOf(more))
})

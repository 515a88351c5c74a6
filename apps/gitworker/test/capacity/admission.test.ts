import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { Admission, laneOf } from '../../src/capacity/admission.ts'
import type { LaneLimits } from '@sluice/shared/admission/lane'

const limits: LaneLimits = {
  slots: 1,
  largestShare: 1,
  queueLength: 10,
  queueTimeout: 10_000,
  reasons: { full: 'queue_full', late: 'queue_timeout' },
}

const never = new AbortController().signal
const somebody = { repository: 'a', client: '10.0.0.1' }

const isRefusal = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason

test('a fetch and its advertisement share a lane; a push and its advertisement do not', () => {
  assert.equal(laneOf({ kind: 'advertisement', service: 'upload-pack' }), 'fetch')
  assert.equal(laneOf({ kind: 'rpc', service: 'upload-pack' }), 'fetch')
  assert.equal(laneOf({ kind: 'advertisement', service: 'receive-pack' }), 'push-advertisement')
  assert.equal(laneOf({ kind: 'rpc', service: 'receive-pack' }), 'push')
})

test('a full lane does not hold up another', async () => {
  const lane = { ...limits, queueLength: 0 }
  const admission = new Admission({ 'fetch': lane, 'push': lane, 'push-advertisement': lane, 'lfs': lane, 'job': lane })
  await admission.admit('fetch', somebody, never)
  await assert.rejects(admission.admit('fetch', somebody, never), isRefusal('queue_full'))
  await admission.admit('push', somebody, never)
  await admission.admit('push-advertisement', somebody, never)
  await admission.admit('job', somebody, never)
})

test('every wait is reported with its length, also if the request was refused', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const lane = { ...limits, queueTimeout: 20 }
  const waits: [string, number][] = []
  const admission = new Admission(
    { 'fetch': lane, 'push': lane, 'push-advertisement': lane, 'lfs': lane, 'job': lane },
    (name, milliseconds) => waits.push([name, milliseconds]),
  )
  await admission.admit('push', somebody, never)
  const late = admission.admit('push', somebody, never)
  now = 25
  await assert.rejects(late, isRefusal('queue_timeout'))
  assert.deepEqual(waits, [
    ['push', 0],
    ['push', 25],
  ])
})

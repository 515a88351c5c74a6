import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal'
import { Admission, laneOf } from '../src/supervisor/admission.ts'

function admissionOf(limits: Partial<{ slots: number; queueLength: number; queueTimeout: number }>): Admission {
  const lane = { slots: 1, queueLength: 10, queueTimeout: 10_000, ...limits }
  return new Admission({ 'fetch': lane, 'push': lane, 'push-advertisement': lane })
}

const never = new AbortController().signal

const isRefusal = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason

test('a fetch and its advertisement share a lane; a push and its advertisement do not', () => {
  assert.equal(laneOf({ kind: 'advertisement', service: 'upload-pack' }), 'fetch')
  assert.equal(laneOf({ kind: 'rpc', service: 'upload-pack' }), 'fetch')
  assert.equal(laneOf({ kind: 'advertisement', service: 'receive-pack' }), 'push-advertisement')
  assert.equal(laneOf({ kind: 'rpc', service: 'receive-pack' }), 'push')
})

test('a slot is held until it is given back, and then goes to who waited longest', async () => {
  const admission = admissionOf({})
  const order: string[] = []
  const first = await admission.admit('fetch', never)
  const second = admission.admit('fetch', never).then((slot) => {
    order.push('second')
    return slot
  })
  const third = admission.admit('fetch', never).then(() => order.push('third'))
  assert.deepEqual(admission.counts().fetch, { running: 1, waiting: 2 })
  first[Symbol.dispose]()
  const slot = await second
  assert.deepEqual(order, ['second'])
  assert.deepEqual(admission.counts().fetch, { running: 1, waiting: 1 })
  slot[Symbol.dispose]()
  await third
  assert.deepEqual(order, ['second', 'third'])
})

test('a full lane does not hold up another', async () => {
  const admission = admissionOf({ queueLength: 0 })
  await admission.admit('fetch', never)
  await assert.rejects(admission.admit('fetch', never), isRefusal('queue_full'))
  await admission.admit('push', never)
})

test('the queue is bounded in length and in time', async () => {
  const admission = admissionOf({ queueLength: 1, queueTimeout: 20 })
  const slot = await admission.admit('push', never)
  const waiting = admission.admit('push', never)
  await assert.rejects(admission.admit('push', never), isRefusal('queue_full'))
  await assert.rejects(waiting, isRefusal('queue_timeout'))
  assert.deepEqual(admission.counts().push, { running: 1, waiting: 0 })
  slot[Symbol.dispose]()
  using _ = await admission.admit('push', never)
})

describe('a client that leaves', () => {
  test('leaves the queue', async () => {
    const admission = admissionOf({})
    await admission.admit('fetch', never)
    const leaver = new AbortController()
    const waiting = admission.admit('fetch', leaver.signal)
    leaver.abort(new Refusal('client_gone'))
    await assert.rejects(waiting, isRefusal('client_gone'))
    assert.equal(admission.counts().fetch.waiting, 0)
  })

  test('keeps the slot that it has until it is given back', async () => {
    const admission = admissionOf({})
    const leaver = new AbortController()
    const slot = await admission.admit('fetch', leaver.signal)
    leaver.abort(new Refusal('client_gone'))
    assert.equal(admission.counts().fetch.running, 1)
    slot[Symbol.dispose]()
  })

  test('is not admitted when it has left already', async () => {
    const admission = admissionOf({})
    const signal = AbortSignal.abort(new Refusal('client_gone'))
    await assert.rejects(admission.admit('fetch', signal), isRefusal('client_gone'))
    assert.equal(admission.counts().fetch.running, 0)
  })
})

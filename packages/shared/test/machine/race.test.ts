import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { orAborted, within } from '../../src/machine/race.ts'

const never = new Promise<never>(() => {})

test('a promise that settles first gives its result, and leaves no listener at the signal', async () => {
  const { signal } = new AbortController()
  assert.equal(await orAborted(Promise.resolve('it'), signal), 'it')
  await assert.rejects(orAborted(Promise.reject(new Error('broken')), signal), /broken/)
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a signal that fires first gives its reason, also if it was aborted before', async () => {
  const controller = new AbortController()
  const waiting = orAborted(never, controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(orAborted(never, controller.signal), /enough/)
  await assert.rejects(orAborted(never, AbortSignal.abort(new Error('long ago'))), /long ago/)
})

test('a promise that fails after the race is no unhandled rejection', async () => {
  const { promise, reject } = Promise.withResolvers<never>()
  await assert.rejects(orAborted(promise, AbortSignal.abort(new Error('enough'))), /enough/)
  assert.equal(await within(1, promise, 'late'), 'late')
  reject(new Error('nobody cares'))
  await new Promise(setImmediate)
})

test('a promise in time gives its result, and its timer ends', async () => {
  // With a timer left, the process would not end.
  assert.equal(await within(2 ** 31 - 1, Promise.resolve('it'), 'late'), 'it')
  await assert.rejects(within(2 ** 31 - 1, Promise.reject(new Error('broken')), 'late'), /broken/)
  assert.ok(!process.getActiveResourcesInfo().includes('Timeout'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounded, isReady, readinessOf } from '../../src/operations/health.ts'

test('the first problem is the reason, and the result of every check is reported', () => {
  const readiness = readinessOf({ accepting: undefined, workers: 'none', root: 'gone' })
  assert.deepEqual(readiness, {
    status: 'unavailable',
    reason: 'none',
    checks: { accepting: 'ok', workers: 'none', root: 'gone' },
  })
  assert.ok(!isReady(readiness))
  assert.ok(isReady(readinessOf({ accepting: undefined })))
})

test('a check that hangs is waited for within its bound, and not started a second time', async () => {
  let started = 0
  const { promise, resolve } = Promise.withResolvers<string>()
  const look = bounded(
    () => {
      started++
      return promise
    },
    20,
    'late',
  )
  assert.deepEqual(await Promise.all([look(), look()]), ['late', 'late'])
  assert.equal(await look(), 'late')
  assert.equal(started, 1)
  resolve('done')
  assert.equal(await look(), 'done')
  assert.equal(await look(), 'done')
  assert.equal(started, 2)
})

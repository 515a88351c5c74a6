import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Breaker } from '../../../src/hosts/cluster/breaker.ts'

function opened(): Breaker {
  const breaker = new Breaker()
  for (let count = 0; count < 5; count++) breaker.failed(0)
  return breaker
}

test('failures in a row open it, and an answer in between does not let it come to that', () => {
  const breaker = new Breaker()
  for (let count = 0; count < 20; count++) {
    if (count % 5 === 4) breaker.answered()
    breaker.failed(0)
  }
  assert.equal(breaker.admits(0), true)
  for (let count = 0; count < 4; count++) breaker.failed(0)
  assert.equal(breaker.admits(0), false)
})

test('after its pause it admits one request, and the next one only after another pause', () => {
  const breaker = opened()
  assert.deepEqual([breaker.admits(499), breaker.admits(1000)], [false, true])
  breaker.begin(1000)
  assert.deepEqual([breaker.admits(1001), breaker.admits(2000)], [false, true])
})

test('each failure of a trial doubles the pause up to half a minute, and an answer ends it', () => {
  const breaker = opened()
  let now = 0
  for (let trial = 0; trial < 10; trial++) {
    now += 30_000
    breaker.begin(now)
    breaker.failed(now)
    // Requests that were sent before are late to say the same.
    for (let count = 0; count < 50; count++) breaker.failed(now)
  }
  assert.deepEqual([breaker.admits(now + 14_999), breaker.admits(now + 30_000)], [false, true])
  breaker.answered()
  assert.equal(breaker.admits(now), true)
  for (let count = 0; count < 5; count++) breaker.failed(now)
  assert.deepEqual([breaker.admits(now + 499), breaker.admits(now + 1000)], [false, true])
})

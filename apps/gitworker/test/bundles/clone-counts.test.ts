import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloneCounts } from '../../src/bundles/clone-counts.ts'

const hour = 3_600_000

test('a repository is cloned often from the clone on that reaches the threshold, until the end of the day after', () => {
  let now = 0
  const counts = new CloneCounts(3, () => now)
  assert.deepEqual([counts.add('a'), counts.add('a'), counts.add('b')], [false, false, false])
  assert.equal(counts.isOften('a'), false)
  assert.equal(counts.add('a'), true)
  assert.equal(counts.add('a'), false)
  assert.deepEqual([counts.isOften('a'), counts.isOften('b'), counts.isOften('c')], [true, false, false])
  now = 30 * hour
  assert.equal(counts.isOften('a'), true)
  assert.equal(counts.add('a'), false)
  now = 49 * hour
  assert.equal(counts.isOften('a'), false)
})

test('clones of days long past do not add up', () => {
  let now = 0
  const counts = new CloneCounts(3, () => now)
  for (let day = 0; day < 10; day++) {
    now = day * 48 * hour
    assert.equal(counts.add('a'), false)
    assert.equal(counts.add('a'), false)
    assert.equal(counts.isOften('a'), false)
  }
})

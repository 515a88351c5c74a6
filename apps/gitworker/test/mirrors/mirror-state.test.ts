import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMirrorsFile } from '@sluice/shared/config/mirrors/mirrors-file'
import { MirrorState } from '../../src/mirrors/mirror-state.ts'

const [mirror] = await readMirrorsFile('mirrors: [{repository: x, upstream: "https://h/x", interval: 10m}]', '/f')

function state() {
  // Half way: no time is changed.
  return new MirrorState(mirror!, 0, () => 0.5)
}

test('a success is followed by the next run after the interval', () => {
  const one = state()
  assert.equal(one.dueAt, 0)
  one.succeeded(1000, 'digest', 5000)
  assert.deepEqual([one.dueAt, one.failures, one.isPausing(2000)], [601_000, 0, false])
})

test('failures are followed by pauses that double up to an hour, and a success ends them', () => {
  const one = state()
  const pauses = Array.from({ length: 10 }, () => {
    one.failed('unreachable', 'No.', 0)
    return one.dueAt / 1000
  })
  assert.deepEqual(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
  assert.ok(one.isPausing(1000))
  one.succeeded(0, 'digest', 0)
  assert.equal(one.failures, 0)
})

test('what a run gave way to is known until the next is over', () => {
  const one = state()
  one.postponed(0, 'Maintenance.')
  assert.deepEqual([one.gaveWay, one.failures, one.dueAt], ['Maintenance.', 0, 10_000])
  one.succeeded(0, 'd', 0)
  assert.equal(one.gaveWay, undefined)
})

test('each end of a run settles those that wait for it', async () => {
  const one = state()
  for (const end of [() => one.succeeded(0, 'd', 0), () => one.failed('cut', '', 0), () => one.postponed(0)]) {
    const { promise } = one.over
    end()
    await promise
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Schedule } from '../../src/maintenance/schedule.ts'

const minute = 60_000

test('a push leads to a look a little later, and a fetch only to the first one', () => {
  const schedule = new Schedule()
  schedule.touch('/a', true, 0)
  schedule.touch('/b', false, 0)
  assert.deepEqual(schedule.takeDue(0, 10), [])
  assert.deepEqual(schedule.takeDue(minute, 10), ['/a', '/b'])
  schedule.rests('/a', minute)
  schedule.rests('/b', minute)
  schedule.touch('/b', false, 2 * minute)
  assert.deepEqual(schedule.takeDue(3 * minute, 10), [])
  schedule.touch('/b', true, 3 * minute)
  assert.deepEqual(schedule.takeDue(4 * minute, 10), ['/b'])
})

test('pushes that come while a repository is looked at, waits or runs are not forgotten', () => {
  const schedule = new Schedule()
  schedule.touch('/a', true, 0)
  schedule.takeDue(minute, 10)
  schedule.touch('/a', true, minute)
  schedule.rests('/a', minute)
  assert.deepEqual(schedule.takeDue(2 * minute, 10), ['/a'])
  schedule.needs('/a')
  schedule.touch('/a', true, 2 * minute)
  assert.equal(schedule.begin(), '/a')
  schedule.succeeded('/a', 3 * minute, 0)
  assert.deepEqual(schedule.takeDue(4 * minute, 10), [], 'that push came before the run')
  schedule.touch('/a', true, 4 * minute)
  schedule.takeDue(5 * minute, 10)
  schedule.needs('/a')
  schedule.begin()
  schedule.touch('/a', true, 5 * minute)
  schedule.succeeded('/a', 6 * minute, 0)
  assert.deepEqual(schedule.takeDue(7 * minute, 10), ['/a'], 'that one came after its begin')
})

test('the repository that is fetched most comes first', () => {
  const schedule = new Schedule()
  for (const [name, fetches] of [
    ['/a', 3],
    ['/b', 9],
    ['/c', 1],
  ] as const) {
    schedule.touch(name, true, 0)
    for (let fetch = 0; fetch < fetches; fetch++) schedule.touch(name, false, 0)
  }
  schedule.takeDue(minute, 10).forEach((name) => schedule.needs(name))
  assert.deepEqual(
    [schedule.begin(), schedule.begin(), schedule.begin(), schedule.begin()],
    ['/b', '/a', '/c', undefined],
  )
})

test('a run that took long is not soon followed by another, and a failure is tried again ever later', () => {
  const schedule = new Schedule()
  const run = (now: number) => {
    assert.deepEqual(schedule.takeDue(now, 10), ['/a'])
    schedule.needs('/a')
    schedule.begin()
  }
  schedule.touch('/a', true, 0)
  run(minute)
  schedule.succeeded('/a', 2 * minute, minute)
  schedule.touch('/a', true, 2 * minute)
  assert.deepEqual(schedule.takeDue(11 * minute, 10), [])
  run(12 * minute)
  schedule.failed('/a', 12 * minute)
  assert.deepEqual(schedule.takeDue(20 * minute, 10), [])
  run(22 * minute)
  schedule.failed('/a', 22 * minute)
  assert.deepEqual(schedule.takeDue(41 * minute, 10), [])
  run(42 * minute)
})

test('a run that gave way to another is tried again soon, however often', () => {
  const schedule = new Schedule()
  schedule.touch('/a', true, 0)
  for (let turn = 1; turn <= 20; turn++) {
    assert.deepEqual(schedule.takeDue(turn * minute, 10), ['/a'])
    schedule.needs('/a')
    schedule.begin()
    schedule.gaveWay('/a', turn * minute)
    assert.deepEqual(schedule.takeDue(turn * minute + 5000, 10), [])
  }
})

test('however many repositories are touched, a bounded number is remembered', () => {
  const schedule = new Schedule()
  for (let index = 0; index < 30_000; index++) schedule.touch(`/${index}`, true, 0)
  const taken: string[] = []
  for (let some; (some = schedule.takeDue(minute, 1000)).length > 0;) taken.push(...some)
  assert.equal(taken.length, 10_000)
  assert.equal(taken.at(-1), '/29999')
  assert.equal(schedule.counts.due, 0)
})

test('after a run in vain, the next comes an hour later, however many pushes come', () => {
  const schedule = new Schedule()
  const run = (isVain: boolean, end: number) => {
    schedule.needs('/a')
    schedule.begin()
    schedule.succeeded('/a', end, 1000, isVain)
    schedule.touch('/a', true, end)
  }
  schedule.touch('/a', true, 0)
  schedule.takeDue(minute, 10)
  run(false, minute)
  assert.deepEqual(schedule.takeDue(2 * minute, 10), ['/a'])
  run(true, 2 * minute)
  assert.deepEqual(schedule.takeDue(61 * minute, 10), [])
  assert.deepEqual(schedule.takeDue(62 * minute, 10), ['/a'])
})

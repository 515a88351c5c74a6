import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AwakeDeadline } from '../../src/machine/awake-deadline.ts'
import { standStill } from '../../testing/stand-still.ts'
import { until } from '../../testing/until.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a deadline', () => {
  test('is over after its time, once, and not before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let over = 0
    using _deadline = new AwakeDeadline(1_000_000, () => over++)
    for (let step = 0; step < 10; step++) {
      t.mock.timers.tick(99_999)
      await turn()
      assert.equal(over, 0)
      t.mock.timers.tick(1)
      await turn()
    }
    assert.equal(over, 1)
    t.mock.timers.tick(10_000_000)
    await turn()
    assert.equal(over, 1)
  })

  test('does not count time in which the process was stopped, however long that was', async () => {
    let over = 0
    using _deadline = new AwakeDeadline(400, () => over++)
    for (let stop = 0; stop < 3; stop++) {
      standStill(450)
      await turn()
      await turn()
      assert.equal(over, 0)
    }
    await until('its end', () => over === 1)
  })

  for (const { process, tookMs, mostSteps } of [
    { process: 'whose timers are late by half of a step', tookMs: 150, mostSteps: 7 },
    { process: 'whose timers are late by two steps', tookMs: 300, mostSteps: 6 },
    { process: 'that is stopped in every step, the last one included', tookMs: 100_000, mostSteps: 6 },
  ]) {
    test(`is over after ${mostSteps} steps for a process ${process}`, async (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] })
      let now = 0
      t.mock.method(performance, 'now', () => now)
      let over = 0
      using _deadline = new AwakeDeadline(1000, () => over++)
      for (let step = 1; step <= mostSteps; step++) {
        assert.equal(over, 0)
        now += tookMs
        t.mock.timers.tick(100)
        await turn()
      }
      assert.equal(over, 1)
    })
  }

  test('is over in the end for a process that is stopped in every step', async () => {
    let over = 0
    using _deadline = new AwakeDeadline(100, () => over++)
    // A step may take a stop or two.
    const isOver = () => over > 0
    for (let stop = 0; !isOver(); stop++) {
      assert.ok(stop < 100, `it goes on after ${stop} stops`)
      standStill(50)
      await turn()
      await turn()
    }
    assert.equal(over, 1)
  })

  test('that has been disposed of is never over, and one that begins anew has its whole time', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let over = 0
    const pass = async (steps: number) => {
      for (let step = 0; step < steps; step++) {
        t.mock.timers.tick(100_000)
        await turn()
      }
    }
    const deadline = new AwakeDeadline(1_000_000, () => over++)
    await pass(9)
    deadline.restart()
    await pass(9)
    assert.equal(over, 0)
    await pass(1)
    assert.equal(over, 1)
    deadline.restart()
    await pass(10)
    assert.equal(over, 2)
    deadline.restart()
    await pass(9)
    t.mock.timers.tick(100_000)
    deadline[Symbol.dispose]()
    await pass(20)
    assert.equal(over, 2)
  })
})

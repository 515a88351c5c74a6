import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Logger } from '@sluice/shared/telemetry/log'
import { AdaptiveLimit } from '../../src/capacity/adaptive-limit.ts'
import type { Pressure } from '../../src/capacity/pressure.ts'

const calm: Pressure = { short: false }
const short: Pressure = { short: true, of: 'memory', detail: '95 of 100 MiB' }

/** A limit on a host whose pressure and clock the test controls. */
function limitOn(t: TestContext, configured: number) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const host = { pressure: calm }
  const changes: number[] = []
  const reasons: string[] = []
  const warn = mock.fn()
  const info = mock.fn()
  const adaptive = new AdaptiveLimit({
    configured,
    onChange: (limit, reason) => {
      changes.push(limit)
      reasons.push(reason)
    },
    log: { warn, info } as unknown as Logger,
    readPressure: () => host.pressure,
  })
  /** Lets seconds pass. @returns the limits that were set meanwhile */
  const pass = (seconds: number, pressure: Pressure): number[] => {
    host.pressure = pressure
    const before = changes.length
    t.mock.timers.tick(seconds * 1000)
    return changes.slice(before)
  }
  return { adaptive, pass, reasons, warn, info }
}

describe('an adaptive limit', () => {
  test('stays as configured while nothing is short', (t) => {
    const { adaptive, pass } = limitOn(t, 16)
    assert.deepEqual(pass(60, calm), [])
    assert.equal(adaptive.limit, 16)
    assert.equal(adaptive.configured, 16)
    assert.equal(adaptive.lastShortage, undefined)
  })

  test('is halved within a second of a shortage, and says why', (t) => {
    const { adaptive, pass, reasons, warn } = limitOn(t, 16)
    assert.deepEqual(pass(1, short), [8])
    assert.deepEqual(reasons, ['short of memory: 95 of 100 MiB'])
    assert.equal(adaptive.lastShortage?.of, 'memory')
    assert.equal(warn.mock.callCount(), 1)
    assert.deepEqual(warn.mock.calls[0]?.arguments[0], {
      limit: 8,
      before: 16,
      configured: 16,
      of: 'memory',
      detail: '95 of 100 MiB',
    })
  })

  test('waits for the effect of a halving before the next', (t) => {
    const { pass } = limitOn(t, 16)
    pass(1, short)
    assert.deepEqual(pass(4, short), [])
    assert.deepEqual(pass(1, short), [4])
    assert.deepEqual(pass(4, short), [])
    assert.deepEqual(pass(1, short), [2])
  })

  test('is never less than one, and reports nothing there', (t) => {
    const { adaptive, pass, warn } = limitOn(t, 3)
    assert.deepEqual(pass(60, short), [1])
    assert.equal(adaptive.limit, 1)
    assert.equal(warn.mock.callCount(), 1)
  })

  test('stays at one if it is configured so', (t) => {
    const { pass, warn } = limitOn(t, 1)
    assert.deepEqual(pass(60, short), [])
    assert.equal(warn.mock.callCount(), 0)
  })

  test('grows after five calm seconds, by one every two, up to what is configured', (t) => {
    const { adaptive, pass, info } = limitOn(t, 6)
    assert.deepEqual(pass(1, short), [3])
    assert.deepEqual(pass(4, calm), [])
    assert.deepEqual(pass(1, calm), [4])
    assert.deepEqual(pass(1, calm), [])
    assert.deepEqual(pass(1, calm), [5])
    assert.equal(info.mock.callCount(), 0)
    assert.deepEqual(pass(60, calm), [6])
    assert.equal(info.mock.callCount(), 1)
    assert.equal(adaptive.limit, 6)
  })

  test('counts calm seconds only in a row', (t) => {
    const { pass } = limitOn(t, 6)
    pass(1, short)
    assert.deepEqual(pass(3, calm), [])
    assert.deepEqual(pass(1, short), [])
    assert.deepEqual(pass(4, calm), [])
    assert.deepEqual(pass(1, calm), [4])
  })

  test('is halved again when a shortage comes back while it grows', (t) => {
    const { pass } = limitOn(t, 16)
    pass(1, short)
    assert.deepEqual(pass(5, calm), [9])
    assert.deepEqual(pass(1, short), [4])
    assert.deepEqual(pass(4, short), [])
    assert.deepEqual(pass(1, short), [2])
  })

  test('looks no more when it is disposed of', (t) => {
    const { adaptive, pass } = limitOn(t, 16)
    adaptive[Symbol.dispose]()
    assert.deepEqual(pass(10, short), [])
  })
})

test('it looks at this machine unless told otherwise, and keeps no process alive', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  using adaptive = new AdaptiveLimit({ configured: 4, onChange: () => {}, log: {} as Logger })
  assert.equal(adaptive.limit, 4)
  assert.equal(timers(), before)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@sluice/shared/testing/until'
import { HostPresence } from '../../src/hosts/host-presence.ts'

/** A host that is there when the test says so. */
function stage(downAfter = 60_000) {
  const state = { isThere: false, probes: 0, underWay: 0, mostUnderWay: 0 }
  const presence = new HostPresence({
    downAfter,
    async probe() {
      state.probes++
      state.mostUnderWay = Math.max(state.mostUnderWay, ++state.underWay)
      await new Promise((resolve) => setTimeout(resolve, 5))
      state.underWay--
      return state.isThere
    },
  })
  return { state, presence, [Symbol.dispose]: () => presence[Symbol.dispose]() }
}

const never = new AbortController().signal
const minute = 60_000
const unreachable = { reason: 'host_unreachable', status: 503 }

test('one probe at a time is sent, on behalf of all requests that wait', async () => {
  using s = stage()
  const { presence, state } = s
  for (let count = 0; count < 100; count++) presence.missed(new Error('refused'))
  const waits = Array.from({ length: 20 }, () => presence.untilThere(never, minute, 0))
  await until('some probes', () => state.probes > 2)
  assert.deepEqual([presence.waiting, presence.isAway, state.mostUnderWay], [20, true, 1])
  state.isThere = true
  await Promise.all(waits)
  assert.deepEqual([presence.waiting, presence.isAway, state.mostUnderWay], [0, false, 1])
})

test('requests that have waited go in the order in which they came, a few at a time', async () => {
  using s = stage()
  const { presence, state } = s
  presence.missed(new Error('refused'))
  const order: number[] = []
  const turns: Disposable[] = []
  const waits = Array.from({ length: 200 }, async (_, index) => {
    turns.push(await presence.untilThere(never, minute, 0))
    order.push(index)
  })
  state.isThere = true
  await until('the first to go', () => turns.length > 0)
  assert.ok(turns.length <= 32, `${turns.length} at once`)
  while (order.length < 200) {
    turns.splice(0).forEach((turn) => turn[Symbol.dispose]())
    await new Promise(setImmediate)
  }
  await Promise.all(waits)
  assert.deepEqual(
    order,
    order.map((_, index) => index),
  )
})

test('a turn whose holder is never answered does not hold up the others', async () => {
  using s = stage()
  s.presence.missed(new Error('refused'))
  s.state.isThere = true
  await Promise.all(Array.from({ length: 40 }, () => s.presence.untilThere(never, minute, 0)))
})

test('the number and the memory of requests that wait are bounded, and requests that leave make room', async () => {
  using s = stage()
  const { presence } = s
  presence.missed(new Error('refused'))
  const leaving = new AbortController()
  const waits = Array.from({ length: 1024 }, () => presence.untilThere(leaving.signal, minute, 64 * 1024))
  await assert.rejects(presence.untilThere(never, minute, 1), unreachable)
  for (let count = 0; count < 3072; count++) waits.push(presence.untilThere(leaving.signal, minute, 0))
  await assert.rejects(presence.untilThere(never, minute, 0), unreachable)
  leaving.abort(new Error('left'))
  const ends = await Promise.allSettled(waits)
  assert.ok(ends.every(({ status }) => status === 'rejected'))
  assert.equal(presence.waiting, 0)
  const wait = presence.untilThere(never, minute, 64 * 2 ** 20)
  s.state.isThere = true
  await wait
})

test('a request that waits in vain gets the cause, and once a host counts as down, no request waits', async () => {
  using s = stage(0)
  const { presence } = s
  const cause = new Error('refused')
  presence.missed(cause)
  await until('it to be down', () => presence.isDown)
  await assert.rejects(presence.untilThere(never, minute, 0), { ...unreachable, cause })
  s.state.isThere = true
  await until('it to be there', () => !presence.isAway)
  await presence.untilThere(never, minute, 0)
})

test('a host that goes away again and again is probed less and less often', async () => {
  using s = stage()
  const { presence, state } = s
  state.isThere = true
  const began = performance.now()
  for (let count = 0; count < 8; count++) {
    presence.missed(new Error('refused'))
    await until('it to be there', () => !presence.isAway)
  }
  // 25, 50, 100, 200, 400 and three times 500 ms: timers are never early.
  assert.ok(performance.now() - began >= 2000)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Lane } from '../../src/admission/lane.ts'
import type { LaneLimits } from '../../src/admission/lane.ts'
import { Refusal } from '../../src/refusal/refusal.ts'

const limits: LaneLimits = {
  slots: 1,
  largestShare: 1,
  queueLength: 10,
  queueTimeout: 60_000,
  reasons: { full: 'queue_full', late: 'queue_timeout' },
}

const never = new AbortController().signal
const somebody = { repository: 'a', client: '10.0.0.1' }

const isRefusal = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason

/** Asks for a slot, and adds `name` to the list when it is granted. */
function queueUp(lane: Lane, granted: string[], name: string, claim = somebody): Promise<Disposable> {
  return lane.admit(claim, never).then((slot) => {
    granted.push(name)
    return slot
  })
}

/**
 * Gives the slots back one after the other, each when it has been granted, and returns the order in which they were.
 */
async function serveInTurn(granted: string[], asked: Promise<Disposable>[]): Promise<string[]> {
  for (const slot of asked) void slot.then((it) => setImmediate(() => it[Symbol.dispose]()))
  await Promise.all(asked)
  return granted
}

describe('a lane', () => {
  test('holds a slot until it is given back, and then gives it to the request that has waited longest', async () => {
    const lane = new Lane(limits)
    const granted: string[] = []
    const first = await lane.admit(somebody, never)
    const second = queueUp(lane, granted, 'second')
    const third = queueUp(lane, granted, 'third')
    assert.deepEqual([lane.running, lane.waiting], [1, 2])
    first[Symbol.dispose]()
    const slot = await second
    assert.deepEqual(granted, ['second'])
    assert.deepEqual([lane.running, lane.waiting], [1, 1])
    slot[Symbol.dispose]()
    await third
    assert.deepEqual(granted, ['second', 'third'])
  })

  test('says whether a request could run if a slot were given back', async () => {
    const lane = new Lane({ ...limits, slots: 4, largestShare: 0.5 })
    const [one, other] = [
      { repository: 'a', client: '10.0.0.1' },
      { repository: 'b', client: '10.0.0.2' },
    ]
    const held = await Promise.all([one, one].map((claim) => lane.admit(claim, never)))
    assert.equal(lane.isWaitedFor(one), false)
    const leave = new AbortController()
    const waits = lane.admit(one, leave.signal)
    // Its own client and repository have their full share, so another slot would not help it.
    assert.deepEqual([lane.isWaitedFor(one), lane.isWaitedFor(other)], [true, false])
    leave.abort()
    await assert.rejects(waits)
    held.push(...(await Promise.all([other, other].map((claim) => lane.admit(claim, never)))))
    const third = lane.admit({ repository: 'c', client: '10.0.0.3' }, never)
    assert.deepEqual([lane.isWaitedFor(one), lane.isWaitedFor(other)], [true, true])
    // While fewer slots exist than are held, a slot that comes free is given to nobody.
    lane.resize(3)
    assert.equal(lane.isWaitedFor(one), false)
    lane.resize(4)
    for (const slot of held) slot[Symbol.dispose]()
    await third
    assert.equal(lane.isWaitedFor(one), false)
  })

  test('takes a slot back once, however often it is disposed of', async () => {
    const lane = new Lane({ ...limits, slots: 2 })
    const slot = await lane.admit(somebody, never)
    await lane.admit(somebody, never)
    slot[Symbol.dispose]()
    slot[Symbol.dispose]()
    const last = await lane.admit(somebody, never)
    assert.equal(lane.running, 2)
    const waiting = lane.admit(somebody, never)
    assert.equal(lane.waiting, 1)
    last[Symbol.dispose]()
    await waiting
  })

  test('is bounded in length and in time', async () => {
    const lane = new Lane({ ...limits, queueLength: 1, queueTimeout: 20 })
    const slot = await lane.admit(somebody, never)
    const waiting = lane.admit(somebody, never)
    await assert.rejects(lane.admit(somebody, never), isRefusal('queue_full'))
    await assert.rejects(waiting, isRefusal('queue_timeout'))
    assert.deepEqual([lane.running, lane.waiting], [1, 0])
    slot[Symbol.dispose]()
    using _ = await lane.admit(somebody, never)
  })

  test('lets running requests go on when it gets smaller, and lets waiting ones in when it grows', async () => {
    const lane = new Lane({ ...limits, slots: 3 })
    const slots = [await lane.admit(somebody, never), await lane.admit(somebody, never)]
    lane.resize(1)
    const granted: string[] = []
    const third = queueUp(lane, granted, 'third')
    slots[0]![Symbol.dispose]()
    await new Promise(setImmediate)
    assert.deepEqual([lane.running, lane.waiting, granted.length], [1, 1, 0])
    lane.resize(2)
    await third
    assert.equal(lane.running, 2)
  })
})

describe('fairness between repositories and clients:', () => {
  test('a busy repository does not make another one wait behind its queue', async () => {
    const lane = new Lane({ ...limits, slots: 2 })
    const granted: string[] = []
    const busy = { repository: 'busy', client: '10.0.0.1' }
    const asked = [1, 2, 3, 4, 5].map((n) => queueUp(lane, granted, `busy ${n}`, busy))
    asked.push(queueUp(lane, granted, 'other', { repository: 'other', client: '10.0.0.2' }))
    assert.deepEqual(await serveInTurn(granted, asked), ['busy 1', 'busy 2', 'other', 'busy 3', 'busy 4', 'busy 5'])
  })

  test('nor does it if there is one slot only', async () => {
    const lane = new Lane(limits)
    const granted: string[] = []
    const asked = [1, 2, 3].map((n) => queueUp(lane, granted, `busy ${n}`))
    asked.push(queueUp(lane, granted, 'other', { repository: 'other', client: '10.0.0.2' }))
    assert.deepEqual(await serveInTurn(granted, asked), ['busy 1', 'busy 2', 'other', 'busy 3'])
  })

  test('nor does a busy client on the same repository', async () => {
    const lane = new Lane({ ...limits, slots: 2 })
    const granted: string[] = []
    const asked = [1, 2, 3, 4].map((n) => queueUp(lane, granted, `busy ${n}`))
    asked.push(queueUp(lane, granted, 'other', { ...somebody, client: '10.0.0.2' }))
    assert.deepEqual(await serveInTurn(granted, asked), ['busy 1', 'busy 2', 'other', 'busy 3', 'busy 4'])
  })

  for (const [who, other] of [
    ['repository', { ...somebody, client: '10.0.0.2' }],
    ['client', { ...somebody, repository: 'b' }],
  ] as const) {
    test(`one ${who} gets no more than its share, and others get the rest at once`, async () => {
      const lane = new Lane({ ...limits, slots: 4, largestShare: 0.75 })
      const held: Disposable[] = []
      const keep = (slot: Disposable) => held.push(slot)
      for (const claim of [somebody, other, somebody, other]) void lane.admit(claim, never).then(keep)
      using _other = await lane.admit({ repository: 'others', client: '10.0.0.9' }, never)
      assert.equal(held.length, 3)
      assert.deepEqual([lane.running, lane.waiting], [4, 1])
      held[0]![Symbol.dispose]()
      await new Promise(setImmediate)
      assert.equal(held.length, 4)
    })
  }

  test('a share is at least one slot', async () => {
    const lane = new Lane({ ...limits, slots: 1, largestShare: 0.01 })
    await lane.admit(somebody, never)
  })

  test('when too many wait, the last of those who ask for the most is refused, not the newcomer', async () => {
    const lane = new Lane({ ...limits, queueLength: 3 })
    const granted: string[] = []
    const slot = await lane.admit(somebody, never)
    const asked = [1, 2, 3].map((n) => queueUp(lane, granted, `busy ${n}`))
    for (const one of asked) one.catch(() => {})
    const other = queueUp(lane, granted, 'other', { repository: 'other', client: '10.0.0.2' })
    await assert.rejects(asked[2]!, isRefusal('queue_full'))
    assert.equal(lane.waiting, 3)
    slot[Symbol.dispose]()
    assert.deepEqual(await serveInTurn(granted, [asked[0]!, asked[1]!, other]), ['busy 1', 'other', 'busy 2'])
  })
})

test('requests that are refused, or leave, do not delay later ones', async () => {
  const lane = new Lane({ ...limits, queueLength: 3 })
  const slot = await lane.admit({ repository: 'other', client: '10.0.0.3' }, never)
  const granted: string[] = []
  for (let n = 0; n < 100; n++) {
    const leaver = new AbortController()
    const waiting = lane.admit(somebody, leaver.signal)
    waiting.catch(() => {})
    leaver.abort(new Refusal('client_gone'))
  }
  const asked = [queueUp(lane, granted, 'after the leavers')]
  for (const n of [1, 2])
    asked.push(queueUp(lane, granted, `later ${n}`, { repository: `r${n}`, client: `10.0.1.${n}` }))
  slot[Symbol.dispose]()
  assert.deepEqual(await serveInTurn(granted, asked), ['after the leavers', 'later 1', 'later 2'])
})

describe('a client that leaves', () => {
  test('leaves the queue', async () => {
    const lane = new Lane(limits)
    await lane.admit(somebody, never)
    const leaver = new AbortController()
    const waiting = lane.admit(somebody, leaver.signal)
    leaver.abort(new Refusal('client_gone'))
    await assert.rejects(waiting, isRefusal('client_gone'))
    assert.equal(lane.waiting, 0)
  })

  test('keeps its slot until that is given back', async () => {
    const lane = new Lane(limits)
    const leaver = new AbortController()
    const slot = await lane.admit(somebody, leaver.signal)
    leaver.abort(new Refusal('client_gone'))
    assert.equal(lane.running, 1)
    slot[Symbol.dispose]()
  })

  test('is not admitted if it has left already', async () => {
    const lane = new Lane(limits)
    const signal = AbortSignal.abort(new Refusal('client_gone'))
    await assert.rejects(lane.admit(somebody, signal), isRefusal('client_gone'))
    assert.deepEqual([lane.running, lane.waiting], [0, 0])
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { LoginThrottle } from '../../../src/access/throttle/login-throttle.ts'
import type { Login } from '../../../src/access/throttle/login-throttle.ts'
import { FakeClock } from './fake-clock.ts'

const wrong = new Refusal('login_failed')
const never = new AbortController().signal
const login = (name: string, secret: string, client = 'a'): Login => ({ client, name, secret })

class Door {
  readonly clock = new FakeClock()
  readonly throttle = new LoginThrottle(this.clock)
  /** The right secret for each name, the time that a check takes, and the number of checks. */
  readonly rights = new Map<string, string>()
  readonly checkMs: number
  looks = 0

  constructor(checkMs = 50) {
    this.checkMs = checkMs
  }

  /** @returns whether it was right, or the status with which it was refused */
  async try(one: Login, signal = never): Promise<boolean | number> {
    try {
      const attempt = await this.throttle.admit(one, signal)
      if (attempt === 'right') return true
      if (attempt instanceof Refusal) return false
      await this.clock.wait(this.checkMs)
      this.looks++
      const isRight = this.rights.get(one.name) === one.secret
      attempt.settle(isRight ? 'right' : wrong)
      return isRight
    } catch (error) {
      if (error instanceof Refusal) return error.status
      throw error
    }
  }

  /** The time that an attempt took, in milliseconds of the fake clock. */
  async timed(one: Login): Promise<{ how: boolean | number; ms: number }> {
    const began = this.clock.now()
    const how = await this.try(one)
    return { how, ms: this.clock.now() - began }
  }

  loop(next: () => Login, until: number): void {
    const run = async () => {
      while (this.clock.now() < until) {
        const how = await this.try(next())
        await this.clock.wait(how === 429 ? 2000 : 100)
      }
    }
    void run()
  }
}

test('a person who mistypes twice or three times does not wait', async () => {
  const door = new Door()
  door.rights.set('ann', 'right')
  const results: unknown[] = []
  const person = async () => {
    for (const secret of ['rihgt', 'Right', 'right ', 'right']) results.push(await door.timed(login('ann', secret)))
  }
  void person()
  await door.clock.pass(1000)
  assert.deepEqual(
    results.slice(0, 3),
    Array.from({ length: 3 }, () => ({ how: false, ms: 50 })),
  )
  const last = results[3] as { how: boolean; ms: number }
  assert.equal(last.how, true)
  assert.ok(last.ms <= 50 + 125, String(last.ms))
})

for (const [what, next] of Object.entries({
  'one old password each': (n: number) => () => login(`robot ${n}`, 'old'),
  'old passwords of one name that others use as well': (n: number) => () => login('shared', `old ${n}`),
  'ever new passwords for one name': () => {
    let count = 0
    return () => login('robot', `guess ${count++} ${Math.random()}`)
  },
  'ever new names': () => {
    let count = 0
    return () => login(`name ${count++} ${Math.random()}`, 'guess')
  },
})) {
  test(`six clients that loop with ${what} do not lock out ten others behind the same address`, async () => {
    const door = new Door()
    for (let n = 0; n < 6; n++) door.loop(next(n), 150_000)
    await door.clock.pass(120_000)
    const looks = door.looks
    const others = Array.from({ length: 10 }, (_, n) => login(n < 5 ? 'shared' : `other ${n}`, 'right'))
    for (const { name } of others) door.rights.set(name, 'right')
    const results = Promise.all(others.map((other) => door.timed(other)))
    await door.clock.pass(60_000)
    for (const { how, ms } of await results) {
      assert.equal(how, true)
      // At most as long as the line for names with few failures.
      assert.ok(ms <= 17 * 500 + 5000 + 50, `${ms} ms`)
    }
    assert.ok(looks < 120 * 3.1 + 60, `${looks} guesses in two minutes`)
  })
}

test('a client that guesses gets few guesses, whatever it varies and however many it sends at once', async () => {
  for (const vary of ['secrets', 'names', 'both'] as const) {
    const door = new Door()
    let count = 0
    const next = () => {
      count++
      return vary === 'secrets'
        ? login('ann', `${count}`)
        : vary === 'names'
          ? login(`${count}`, 'summer')
          : login(`${count % 50}`, `${count}`)
    }
    for (let n = 0; n < 50; n++) door.loop(next, 120_000)
    await door.clock.pass(120_000)
    const most = vary === 'secrets' ? 120 / 5 + 20 : 120 * 3.1 + 200
    assert.ok(door.looks <= most, `${vary}: ${door.looks} guesses in two minutes`)
  }
})

test('the memory for failures is bounded, however many clients and names there are', async () => {
  const door = new Door(0)
  for (let n = 0; n < 12_000; n++) {
    // Each from a client of its own, because others of the same client would wait.
    const attempt = await door.throttle.admit(login(`name ${n}`, 'x', `client ${n}`), never)
    if (typeof attempt === 'object' && 'settle' in attempt) attempt.settle(wrong)
  }
  assert.ok(door.throttle.size <= 30_000, String(door.throttle.size))
})

test('the same log-in is tried once at a time, and all requests with it get the verdict', async () => {
  const door = new Door()
  door.rights.set('ann', 'right')
  const right = Promise.all(Array.from({ length: 50 }, () => door.try(login('ann', 'right'))))
  const bad = Promise.all(Array.from({ length: 50 }, () => door.try(login('ann', 'wrong'))))
  await door.clock.pass(100)
  assert.deepEqual(new Set(await right), new Set([true]))
  assert.deepEqual(new Set(await bad), new Set([false]))
  assert.equal(door.looks, 2)
})

test('some may wait in a line, one after the other; more are refused with a time; other clients are not affected', async () => {
  const door = new Door(0)
  const fail = async (secret: string, name = 'ann') => {
    const done = door.try(login(name, secret))
    await door.clock.pass(10_000)
    await done
  }
  for (let n = 0; n < 12; n++) await fail(`guess ${n}`)
  const first = door.throttle.admit(login('ann', 'first'), never)
  await door.clock.pass(1)
  await first
  const order: number[] = []
  const waiting = [0, 1, 2, 3].map(async (n) => {
    const attempt = await door.throttle.admit(login('ann', `${n}`), never)
    order.push(n)
    if (typeof attempt === 'object' && 'settle' in attempt) attempt.settle('unknown')
  })
  await assert.rejects(
    door.throttle.admit(login('ann', 'more'), never),
    (error) => error instanceof Refusal && error.reason === 'too_many_logins' && error.headers['Retry-After'] === '25',
  )
  assert.ok('settle' in ((await door.throttle.admit(login('ann', 'x', 'b'), never)) as object))
  assert.deepEqual(order, [])
  await door.clock.pass(25_000)
  await Promise.all(waiting)
  assert.deepEqual(order, [0, 1, 2, 3])
})

test('an attempt that leaves the line delays none of those behind it', async () => {
  const door = new Door(0)
  for (let n = 0; n < 12; n++) {
    const done = door.try(login('ann', `guess ${n}`))
    await door.clock.pass(10_000)
    await done
  }
  const passed = door.try(login('ann', 'now'))
  await door.clock.pass(10)
  await passed
  const gone = new Refusal('client_gone')
  for (let n = 0; n < 1000; n++) {
    const controller = new AbortController()
    const attempt = door.throttle.admit(login('ann', `gone ${n}`), controller.signal)
    controller.abort(gone)
    await assert.rejects(attempt, gone)
  }
  door.rights.set('ann', 'right')
  const result = door.timed(login('ann', 'right'))
  await door.clock.pass(10_000)
  assert.deepEqual({ ...(await result), ms: undefined }, { how: true, ms: undefined })
  assert.ok((await result).ms <= 5000)
})

test('after ten minutes without a failure, nothing is remembered', async () => {
  const door = new Door(0)
  for (let n = 0; n < 30; n++) {
    const done = door.try(login('ann', `guess ${n}`))
    await door.clock.pass(6000)
    await done
  }
  await door.clock.pass(11 * 60_000)
  const result = door.timed(login('ann', 'y'))
  await door.clock.pass(1)
  assert.equal((await result).ms, 0)
})

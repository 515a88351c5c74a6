import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal'
import { LoginThrottle } from '../../src/access/login-throttle.ts'

const never = new AbortController().signal
const login = (header: string) => ({ kind: 'token', token: header, header }) as const

async function fail(throttle: LoginThrottle, times: number, source = 'a'): Promise<void> {
  for (let n = 0; n < times; n++) (await throttle.admit(login(`wrong ${n}`), source, never)).failed()
}

test('some may wait, one after the other; more are refused, with a time; other sources are not concerned', async () => {
  const throttle = new LoginThrottle()
  await fail(throttle, 3)
  const order: number[] = []
  const waiting = [0, 1, 2, 3].map(async (n) => throttle.admit(login('x'), 'a', never).then(() => order.push(n)))
  const isRefusal = (error: unknown) =>
    error instanceof Refusal && error.reason === 'too_many_logins' && Number(error.headers['Retry-After']) >= 1
  await assert.rejects(throttle.admit(login('x'), 'a', never), isRefusal)
  await throttle.admit(login('x'), 'b', never)
  assert.deepEqual(order, [])
  await Promise.all(waiting)
  assert.deepEqual(order, [0, 1, 2, 3])
})

test('what was right a moment ago never waits; what was wrong since does', async () => {
  const throttle = new LoginThrottle()
  ;(await throttle.admit(login('right'), 'a', never)).succeeded()
  await fail(throttle, 3)
  const waiting = [1, 2, 3, 4].map(() => throttle.admit(login('x'), 'a', never))
  const attempt = await throttle.admit(login('right'), 'a', never)
  attempt.failed()
  await assert.rejects(throttle.admit(login('right'), 'a', never), Refusal)
  await Promise.all(waiting)
})

test('who leaves does not wait on', async () => {
  const throttle = new LoginThrottle()
  await fail(throttle, 3)
  const controller = new AbortController()
  const gone = new Refusal('client_gone')
  const attempts = [1, 2, 3, 4].map(() => throttle.admit(login('x'), 'a', controller.signal))
  controller.abort(gone)
  const results = await Promise.allSettled(attempts)
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason === gone))
  await throttle.admit(login('x'), 'a', never)
})

test('each failure doubles the wait, up to five seconds', async () => {
  const throttle = new LoginThrottle()
  const clock = mock.method(performance, 'now', () => 0)
  try {
    await fail(throttle, 3)
    const attempt = await throttle.admit(login('x'), 'a', never)
    for (let n = 0; n < 50; n++) attempt.failed()
    const controller = new AbortController()
    const late = [1, 2, 3, 4].map(() => throttle.admit(login('x'), 'a', controller.signal))
    const error = await throttle.admit(login('x'), 'a', never).catch((thrown: Refusal) => thrown)
    // 125 ms for the first that waited, and 5 s for each since.
    assert.equal((error as Refusal).headers['Retry-After'], '26')
    controller.abort(new Refusal('client_gone'))
    await Promise.allSettled(late)
  } finally {
    clock.mock.restore()
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantNow } from '../../../src/coordinator/lease/instant.ts'
import { RenewedLease } from '../../../src/coordinator/lease/renewed-lease.ts'
import type { LeaseKeeper, Renewed } from '../../../src/coordinator/lease/renewed-lease.ts'
import { until } from '../../../testing/until.ts'

const ttl = 2000

function keptBy(renew: LeaseKeeper['renew'], since = instantNow()): RenewedLease {
  return new RenewedLease('1f', ttl, since, { renew, revoke: async () => {} })
}

const never = () => new Promise<Renewed>(() => {})

test('a lease counts from before it was asked for, less a margin', async () => {
  const { monotonic, sinceBoot } = instantNow()
  const ago = (milliseconds: number) => ({ monotonic: monotonic - milliseconds, sinceBoot })
  const leases = [0, 1000, 1740, 2000].map((milliseconds) => keptBy(async () => undefined, ago(milliseconds)))
  assert.deepEqual(
    leases.map(({ isLive }) => isLive),
    [true, true, false, false],
  )
  await Promise.all(leases.map((lease) => lease.abandon()))
})

test('a lease counts the time that the machine slept', async () => {
  const { monotonic, sinceBoot } = instantNow()
  const lease = keptBy(async () => undefined, { monotonic, sinceBoot: sinceBoot - ttl })
  assert.equal(lease.isLive, false)
  await lease.abandon()
})

test('a lease is not live after a turn of the event loop that was as long as it is', async () => {
  const since = instantNow()
  await using lease = keptBy(async () => ({ ttl, since: instantNow() }), since)
  assert.ok(lease.isLive)
  while (performance.now() - since.monotonic < ttl);
  assert.equal(lease.isLive, false)
  await until('it was renewed', () => lease.isLive)
})

test('a lease whose renewal does not come is not live, and has not ended', async () => {
  const lease = keptBy(async (signal) => {
    await Promise.race([never(), new Promise((_, reject) => signal.addEventListener('abort', reject))])
    return undefined
  })
  await until('it is not surely live', () => !lease.isLive)
  assert.equal(lease.ended.aborted, false)
  await lease[Symbol.asyncDispose]()
  assert.ok(lease.ended.aborted)
})

test('a renewal that comes late counts from when it was sent', async () => {
  const warnings: string[] = []
  const note = ({ name }: Error) => void warnings.push(name)
  process.on('warning', note)
  using _ = { [Symbol.dispose]: () => process.off('warning', note) }
  let late: PromiseWithResolvers<Renewed> | undefined
  const lease = keptBy(async () => await (late = Promise.withResolvers<Renewed>()).promise)
  const asked = await until('it is renewed', () => late)
  const since = instantNow()
  await until('it is not surely live', () => !lease.isLive)
  while (performance.now() - since.monotonic < ttl) await new Promise(setImmediate)
  asked.resolve({ ttl, since })
  await new Promise(setImmediate)
  assert.equal(lease.isLive, false)
  const ending = lease[Symbol.asyncDispose]()
  late!.reject(new Error('over'))
  await ending
  assert.deepEqual(warnings, [], 'the next one is due at once, not before now')
})

test('a lease whose grant was heard of late is renewed at once', async () => {
  const renewed: string[] = []
  const keptAs = (name: string, since = instantNow()) => {
    return keptBy(async () => {
      renewed.push(name)
      return { ttl, since: instantNow() }
    }, since)
  }
  const { monotonic, sinceBoot } = instantNow()
  await using _young = keptAs('young')
  await using _old = keptAs('old', { monotonic: monotonic - ttl / 2, sinceBoot })
  assert.equal(await until('one to be renewed', () => renewed[0]), 'old')
})

test('a lease that fails to be renewed tries again, and ends when it is told', async () => {
  const answers: (() => Renewed | undefined)[] = [
    () => {
      throw new Error('nobody answers')
    },
    () => ({ ttl: 500, since: instantNow() }),
    () => undefined,
  ]
  const lease = keptBy(async () => answers.shift()!())
  await until('it has ended', () => lease.ended.aborted)
  assert.equal(answers.length, 0)
  assert.equal(lease.ttl, 500)
  assert.equal(lease.isLive, false)
})

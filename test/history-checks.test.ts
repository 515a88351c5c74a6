import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkHistory } from '../bench/history/checks/check-history.ts'
import type { Pushed } from '../bench/history/git-requests.ts'
import { History } from '../bench/history/history.ts'
import { LeasesInDoubt } from '../bench/history/leases-in-doubt.ts'

/** What `npm run jepsen` and `npm run soak:cluster` find in what clients saw. */

const place = 'a.git refs/heads/main'

/** Each takes from `began` to one later. */
class Told {
  readonly history = new History()

  push(version: string, before: string | undefined, began: number, outcome: Pushed['outcome'] = 'acknowledged'): this {
    this.history.made(version, before)
    this.history.pushed({ place, version, isHeld: true, began, ended: began + 1, outcome, why: outcome })
    return this
  }

  remove(before: string, began: number, outcome: Pushed['outcome'] = 'acknowledged'): string {
    const version = this.history.madeRemoval(place, before)
    this.history.pushed({ place, version, isHeld: true, began, ended: began + 1, outcome, why: outcome })
    return version
  }

  read(found: string | undefined, began: number, isLast = false): this {
    this.history.read({ place, by: 'gateway-1', found, began, ended: began + 1, isLast })
    return this
  }

  /** What is wrong, and how often. */
  get wrong(): Record<string, number> {
    const found = checkHistory(this.history).filter((one) => one.found.length > 0)
    return Object.fromEntries(found.map((one) => [one.what, one.found.length]))
  }
}

const lost = 'acknowledged pushes that are lost in the end'
const stale = 'reads that show less than was acknowledged before'
const forked = 'two acknowledged pushes that follow the same one'

describe('the history of a cluster', () => {
  test('is right where reads show all that was acknowledged before they began', () => {
    const told = new Told().push('1', undefined, 0).push('2', '1', 10).push('3', '2', 20, 'unknown')
    assert.deepEqual(told.read('1', 5).read('1', 10.5).read('2', 15).read('3', 25).read('2', 30, true).wrong, {})
  })

  test('is wrong where a read shows less, or what is on no way to it', () => {
    const told = new Told().push('1', undefined, 0).push('2', '1', 10).push('other', '1', 10, 'unknown')
    assert.deepEqual(told.read('1', 15).read(undefined, 15).read('other', 15).wrong, { [stale]: 3 })
  })

  test('is wrong where a push is lost, and another one takes its place', () => {
    const told = new Told().push('1', undefined, 0).push('2', '1', 10).push('3', '1', 20)
    assert.deepEqual(told.read('3', 25).read('3', 30, true).wrong, { [lost]: 1, [stale]: 1, [forked]: 1 })
  })

  test('is wrong where a host acknowledges a push that it could not before another one had its slot', () => {
    const { history } = new Told()
    const slot = 1
    for (const [revision, primary, began] of [
      [5, 'host-1', 0],
      [9, 'host-2', 30],
    ] as const) {
      history.placements.add({ slot, revision, primary })
      history.looked({ slot, revision, began, ended: began + 1 })
    }
    history.paused({ host: 'host-1', began: 10, ended: 50 })
    const claim = { host: 'host-1', slot, what: 'acknowledged 1' }
    history.claimed({ ...claim, began: 2, ended: 9 })
    history.claimed({ ...claim, began: 5, ended: 20 })
    history.claimed({ ...claim, slot: 2, began: 5, ended: 55 })
    assert.deepEqual(
      checkHistory(history).filter(({ found }) => found.length > 0),
      [],
    )
    history.claimed({ ...claim, began: 5, ended: 55 })
    const wrong = checkHistory(history).filter(({ found }) => found.length > 0)
    assert.deepEqual(
      wrong.map(({ what, found }) => [what, found.length]),
      [['pushes that a host acknowledged after a takeover', 1]],
    )
  })

  test('counts a push that is lost once, whoever reads', () => {
    const told = new Told().push('1', undefined, 0).push('2', '1', 10).read('1', 30, true).read('1', 40, true)
    assert.deepEqual(told.wrong, { [lost]: 1 })
  })

  test('is wrong where a push was refused, and is there', () => {
    const told = new Told().push('1', undefined, 0, 'refused').push('2', '1', 10, 'unknown').read('2', 15)
    assert.deepEqual(told.wrong, { 'pushes that were refused, and seen': 1 })
  })

  test('knows removals: what is gone must be gone, and may be so again', () => {
    const told = new Told().push('1', undefined, 0)
    const gone = told.remove('1', 10)
    assert.deepEqual(told.read(undefined, 15).wrong, {})
    told.push('2', gone, 20)
    const goneAgain = told.remove('2', 30, 'unknown')
    assert.deepEqual(told.read('2', 35).read(undefined, 35).wrong, {})
    told.push('3', goneAgain, 40)
    assert.deepEqual(told.read('3', 45, true).wrong, {})
    assert.deepEqual(told.read('1', 45).read('2', 45).read(undefined, 45).wrong, { [stale]: 3 })
  })

  test('finds the same after it has forgotten what was right', () => {
    const told = new Told().push('1', undefined, 0).push('2', '1', 10, 'refused').push('3', '1', 20).read('1', 15)
    assert.deepEqual(told.read('3', 25).wrong, {})
    told.history.forget()
    assert.equal(told.history.counts['reads'], 2)
    assert.deepEqual(told.push('4', '3', 30).read('3', 35).push('5', '1', 40).read('5', 45, true).wrong, {
      [lost]: 2,
      [stale]: 1,
      [forked]: 1,
    })
  })

  test('takes a removal that came later for no reason why something was gone', () => {
    const told = new Told().push('1', undefined, 0).read(undefined, 5)
    told.remove('1', 10)
    assert.deepEqual(told.read(undefined, 15).wrong, { [stale]: 1 })
  })

  test('shows how long nobody was primary, and who was not', () => {
    const { history } = new Told()
    const claim = (host: string, began: number) =>
      history.claimed({ host, slot: 7, what: 'said so', began, ended: began + 1 })
    for (const [revision, began, primary] of [
      [1, 0, 'host-1'],
      [1, 20, 'host-1'],
      [2, 40, 'host-2'],
      [2, 60, 'host-2'],
    ] as const) {
      history.placements.add({ slot: 7, revision, primary })
      history.looked({ slot: 7, revision, began, ended: began + 1 })
    }
    for (const [host, began] of [
      ['host-1', 10],
      ['host-1', 30],
      ['host-2', 35],
    ] as const) {
      claim(host, began)
    }
    assert.equal(history.longestWithoutPrimary, 20)
    assert.ok(checkHistory(history).every(({ found }) => found.length === 0))
    claim('host-1', 50)
    const [wrong] = checkHistory(history).filter(({ found }) => found.length > 0)
    assert.equal(wrong?.what, 'hosts that said they were primary, and were not')
  })
})

test('a lease that a host logs to be in doubt is so until it is live again, or the host has started anew', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 100_000 })
  const leases = new LeasesInDoubt()
  const logs = (host: string, msg: string, at: number) => {
    t.mock.timers.setTime(at)
    leases.take(host, { msg })
  }
  assert.ok(!leases.were(0, 100_000))
  logs('host-1', 'the lease of this host is not surely live: it takes no pushes until it is', 200_000)
  logs('host-2', 'the lease of this host is live again', 210_000)
  assert.ok(leases.were(220_000, 230_000))
  logs('host-1', 'the lease of this host is live again', 240_000)
  assert.ok(!leases.were(100_000, 190_000), 'before')
  assert.ok(leases.were(100_000, 199_500), 'it is logged a moment later')
  assert.ok(!leases.were(250_000, 260_000), 'after')
  assert.ok(leases.were(250_000, 260_000, 10_000), 'until it has settled')
  logs('host-2', 'the lease of this host is not surely live: it takes no pushes until it is', 300_000)
  logs('host-2', 'joined the cluster', 310_000)
  assert.ok(!leases.were(320_000, 330_000))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balancerStatus, unavailable } from '../../../src/cluster/balancer/balancer-status.ts'
import { logDecision } from '../../../src/cluster/balancer/decision-log.ts'
import { Troubles } from '../../../src/cluster/balancer/troubles.ts'
import { recordLog } from '../../support/recorded-log.ts'
import { PlacedWorld } from './placed-world.ts'

const done = { 'assign': 0, 'take over': 0, 'hand over': 0, 'take back': 0, 'change copies': 0 }
const own = { balancer: 'a', revision: 1, done, conflicts: 0 }

test('the status says why a slot is unavailable', () => {
  const world = new PlacedWorld('own').host('a').host('b')
  const why = () => unavailable(world.snapshot()).map((one) => `${one.slots}: ${one.why}`)
  assert.match(why().join(), /^4096: No host keeps them yet/)
  world.settle()
  assert.deepEqual(why(), [])
  const ofB = world.slots.filter((slot) => slot.kind === 'placed' && slot.record.primary === 'b')
  const scribbled = ofB.filter((slot) => slot.kind === 'placed' && slot.number < 2).length
  world.hosts.delete('b')
  world.scribble(0, 'x')
  world.scribble(1, JSON.stringify({ primary: null, copies: [], inSync: [], next: null, term: null }))
  const [first, ...others] = why()
  assert.ok(first!.startsWith(`${ofB.length - scribbled}: Their repositories are on b,`), first)
  assert.equal(others.length, 2)
  assert.ok(others.some((one) => /^1: The values .* not valid/.test(one)))
  assert.ok(others.some((one) => one.startsWith('1: No host is said to keep them')))
  assert.match(
    unavailable({ ...world.snapshot(), storage: 'shared', hosts: new Map() })
      .map((one) => one.why)
      .join(),
    /no other host/,
  )
})

test('the status shows hosts and moves, the oldest first', () => {
  const world = new PlacedWorld().host('a')
  world.settle()
  world.host('b')
  world.carryOut(world.decide().slice(0, 3))
  world.now = 5000
  world.carryOut(world.decide())
  world.now = 6000
  const { hosts, moves } = balancerStatus(own, world.snapshot())
  assert.deepEqual(hosts, [
    { name: 'a', state: 'steady', primaryOf: 4096 },
    { name: 'b', state: 'steady', primaryOf: 0 },
  ])
  assert.equal(moves.length, 128)
  assert.deepEqual(moves.map(({ ageMs }) => ageMs).slice(0, 4), [6000, 6000, 6000, 1000])
  assert.deepEqual(balancerStatus(own, undefined).moves, [])
})

test('thousands of slots are a few lines of the log', () => {
  const world = new PlacedWorld()
  for (let at = 0; at < 60; at++) world.host(`host-${at}`)
  const { lines, log } = recordLog()
  const carried = world.decide().map((step) => ({ step, revision: 7 }))
  logDecision(log, carried, 0)
  assert.equal(lines.length, 1)
  assert.deepEqual(lines[0]!['revisions'], [7, 7])
  assert.equal(lines[0]!['slots'], carried.length)
  world.settle()
  for (let at = 0; at < 50; at++) world.hosts.delete(`host-${at}`)
  const taken = world.decide().map((step) => ({ step, revision: 8 }))
  logDecision(log, taken, 3)
  assert.ok(lines.length < 25, `${lines.length} lines`)
})

test('a trouble is told once, and its end too', () => {
  const world = new PlacedWorld('own').host('a').host('b')
  world.settle()
  const { lines, log } = recordLog()
  const troubles = new Troubles(log)
  world.hosts.delete('b')
  world.host('a', { state: 'unreadable' })
  for (let times = 0; times < 3; times++) troubles.look(world.snapshot())
  assert.equal(lines.length, 2)
  world.host('a').host('b')
  troubles.look(world.snapshot())
  troubles.look(world.snapshot())
  assert.equal(lines.length, 3)
})

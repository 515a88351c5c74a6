import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterStatusOf } from '@sluice/shared/placement/cluster-status'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

const record: HostRecord = {
  address: '10.0.0.1:9000',
  version: '1.0.0',
  weight: 100,
  zone: '',
  run: 'a',
  isLeaving: false,
}

function slot(primary: string | undefined, more: Partial<SlotRecord> = {}): SlotRecord {
  const copies = primary === undefined ? [] : [primary]
  return { primary, copies, inSync: copies, next: undefined, term: 7, ...more }
}

function view(slots: ClusterView['slots'], live: readonly string[], more: Partial<ClusterView> = {}): ClusterView {
  return {
    by: { app: 'gateway', name: '127.0.0.1:8080' },
    revision: 9,
    format: { version: 1, slots: 4096, storage: 'shared', copies: 1 },
    hosts: new Map(live.map((name) => [name, record])),
    slots,
    balancer: 'host-2',
    awayForMs: 0,
    ...more,
  }
}

test('each slot has the state that its primary, its copies and its next host give it', () => {
  const both = { copies: ['host-1', 'host-2'], inSync: ['host-1', 'host-2'] }
  const slots = [
    slot('host-1'),
    slot('host-1', { next: 'host-2' }),
    slot('gone', { copies: ['gone', 'host-2'], inSync: ['gone', 'host-2'] }),
    slot('gone'),
    undefined,
    slot(undefined),
    slot(undefined, both),
  ]
  const { slots: seen, hosts } = clusterStatusOf(view(slots, ['host-1', 'host-2']))
  assert.equal(seen.states, 'kmwdnnw')
  assert.deepEqual(seen.counts, { kept: 1, moving: 1, waiting: 2, down: 1, new: 2 })
  assert.deepEqual(seen.primaries, [1, 1, 0, 0, -1, -1, -1])
  assert.deepEqual(
    hosts.map(({ name, isLive, primaryOf, readableOf }) => [name, isLive, primaryOf, readableOf]),
    [
      ['gone', false, 2, 2],
      ['host-1', true, 2, 3],
      ['host-2', true, 0, 2],
    ],
  )
})

test('hosts are in the order of their numbers', () => {
  const { hosts } = clusterStatusOf(view([], ['host-10', 'host-2', 'a']))
  assert.deepEqual(
    hosts.map(({ name }) => name),
    ['a', 'host-2', 'host-10'],
  )
})

test('moves are counted for each pair of hosts', () => {
  const move = (from: string, to: string) => slot(from, { next: to })
  const { moves } = clusterStatusOf(view([move('a', 'b'), move('a', 'c'), move('a', 'b')], ['a', 'b', 'c']))
  assert.deepEqual(moves, [
    { from: 'a', to: 'b', slots: 2 },
    { from: 'a', to: 'c', slots: 1 },
  ])
})

test('what is unavailable is said in words, with what it means for each kind of storage', () => {
  const slots = [slot('a'), slot('a'), undefined, slot('b')]
  const shared = clusterStatusOf(view(slots, ['b']))
  assert.deepEqual(shared.problems, [
    { slots: 2, stops: 'everything', why: 'a is gone, and no host lives that could take over.' },
    { slots: 1, stops: 'everything', why: 'No host has been chosen for them yet.' },
  ])
  const own = clusterStatusOf(view(slots, ['b'], { format: { version: 1, slots: 4096, storage: 'own', copies: 1 } }))
  const why = 'format is missing'
  const lost = clusterStatusOf(view([slot('b')], ['b'], { formatProblem: why }))
  assert.deepEqual(lost.problems, [{ slots: 1, stops: 'moves', why }])
  assert.equal(own.problems[0]?.why, 'Every push to them is on a only. They can be served once it is back.')
  const copied = slot('a', { copies: ['a', 'b'], inSync: ['a', 'b'] })
  assert.deepEqual(clusterStatusOf(view([copied], ['b'])).problems, [
    { slots: 1, stops: 'pushes', why: 'a is gone, and no other host has taken over yet.' },
  ])
})

test('a host that doubts its own lease does not call itself live', () => {
  const by = { app: 'supervisor', name: 'a' } as const
  const { hosts } = clusterStatusOf(view([], ['a', 'b'], { by, isLive: false }))
  assert.deepEqual(
    hosts.map(({ isLive }) => isLive),
    [false, true],
  )
})

test('it is counted on how many hosts that live slots are in sync, and too few for a push are a problem', () => {
  const format = { version: 1, slots: 4096, storage: 'own', copies: 2 } as const
  const both = { copies: ['a', 'b'], inSync: ['a', 'b'] }
  const slots = [slot('a', both), slot('a', { copies: ['a', 'gone'], inSync: ['a', 'gone'] }), undefined]
  const one = clusterStatusOf(view(slots, ['a', 'b'], { format }))
  assert.deepEqual(one.slots.inSync, { 0: 1, 1: 1, 2: 1 })
  assert.equal(one.problems.length, 1)
  const { problems } = clusterStatusOf(view(slots, ['a', 'b'], { format, minInSync: 2 }))
  assert.match(problems[0]!.why, /^Fewer hosts than SLUICE_MIN_IN_SYNC=2 are up/)
  assert.deepEqual([problems[0]!.slots, problems[0]!.stops], [1, 'pushes'])
})

test('slots that the same hosts have in sync are one problem, whoever was their primary', () => {
  const format = { version: 1, slots: 4096, storage: 'own', copies: 2 } as const
  const slots = [
    slot('a', { copies: ['a', 'b'], inSync: ['a', 'b'] }),
    slot('b', { copies: ['b', 'a'], inSync: ['b', 'a'] }),
  ]
  assert.deepEqual(
    clusterStatusOf(view(slots, ['c'], { format })).problems.map((problem) => problem.slots),
    [2],
  )
})

test('a host on probation is named', () => {
  const { hosts } = clusterStatusOf(view([], ['a', 'b'], { onProbation: new Set(['b']) }))
  assert.deepEqual(
    hosts.map(({ isOnProbation }) => isOnProbation),
    [false, true],
  )
})

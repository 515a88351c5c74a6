import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { slotCount } from '@sluice/shared/placement/slot'
import { takeBackAfterMs } from '../../../src/cluster/balancer/decide/limits.ts'
import { lostSlot } from '../../../src/cluster/balancer/decide/snapshot.ts'
import type { Slot } from '../../../src/cluster/balancer/decide/snapshot.ts'
import { unavailable } from '../../../src/cluster/balancer/balancer-status.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'
import { PlacedWorld } from './placed-world.ts'

function settled(world: PlacedWorld): PlacedWorld {
  world.settle()
  world.changes.length = 0
  return world
}

function named(count: number, storage: 'shared' | 'own' = 'shared', copies = 1): PlacedWorld {
  const world = new PlacedWorld(storage, copies)
  for (let at = 1; at <= count; at++) world.host(`host-${at}`)
  return world
}

function assertFair(world: PlacedWorld): void {
  const counts = world.primaries()
  const weights = [...world.hosts.values()].reduce(
    (sum, { state, weight }) => sum + (state === 'steady' ? weight : 0),
    0,
  )
  for (const [name, { state, weight }] of world.hosts) {
    const share = state === 'steady' ? (world.slots.length * weight) / weights : 0
    const count = counts.get(name)!
    assert.ok(Math.abs(count - share) <= 1 + 1e-6, `${name} has ${count} of ${share}`)
  }
}

describe('the first start', () => {
  test('gives all slots to all hosts evenly, and moves none, once it is calm', () => {
    const world = named(3)
    world.isCalm = false
    assert.deepEqual(world.decide(), [])
    world.isCalm = true
    world.settle()
    assert.deepEqual(
      [...world.primaries().values()].toSorted((one, other) => one - other),
      [1365, 1365, 1366],
    )
    assert.equal(world.changes.length, slotCount)
  })

  test('waits for a host', () => {
    assert.deepEqual(named(0).decide(), [])
    assert.deepEqual(new PlacedWorld().host('a', { state: 'leaving' }).decide(), [])
  })

  test('is finished at once where it stopped in the middle', () => {
    const world = named(2)
    world.carryOut(world.decide().slice(0, 1000))
    world.isCalm = false
    assert.equal(world.decide().length, 1024)
    world.isCalm = true
    world.settle()
    assertFair(world)
    assert.equal(world.changes.length, slotCount)
  })
})

describe('with shared storage', () => {
  for (const hosts of [1, 2, 3, 7, 49]) {
    test(`a host that joins ${hosts} others gets its share, and nothing else moves`, () => {
      const world = settled(named(hosts))
      world.host('newcomer').settle()
      assertFair(world)
      assert.ok(world.changes.length <= Math.ceil(slotCount / (hosts + 1)), `${world.changes.length} moves`)
      assert.ok(world.changes.every(({ to }) => to === 'newcomer'))
    })

    test(`of ${hosts + 1} hosts, only the slots of one that dies get another primary`, () => {
      const world = settled(named(hosts + 1))
      const lost = world.primaries().get('host-1')
      world.hosts.delete('host-1')
      assert.ok(world.decide().every(({ kind, gone }) => kind === 'take over' && gone === 'host-1'))
      world.settle()
      assertFair(world)
      assert.equal(world.changes.length, lost)
    })
  }

  test('slots of a host that died are taken over before it is calm, and nothing else is done', () => {
    const world = settled(named(3))
    world.hosts.delete('host-2')
    world.host('newcomer')
    world.isCalm = false
    assert.deepEqual(new Set(world.decide().map(({ kind }) => kind)), new Set(['take over']))
  })

  test('a host that is leaving hands over 128 slots at a time, until it has none', () => {
    const world = settled(named(3))
    world.host('host-3', { state: 'leaving' })
    world.isCalm = false
    const steps = world.decide()
    assert.equal(steps.length, 128)
    assert.ok(steps.every(({ kind, from, to }) => kind === 'hand over' && from === 'host-3' && to !== 'host-3'))
    world.carryOut(steps)
    assert.deepEqual(world.decide(), [], 'no more than 128 are under way')
    world.settle()
    assert.equal(world.primaries().get('host-3'), 0)
    for (const slot of world.slots) assert.ok(slot.kind === 'placed' && !slot.record.copies.includes('host-3'))
  })

  test('a host that leaves keeps its slots while there is nobody else', () => {
    const world = settled(named(1))
    world.host('host-1', { state: 'leaving' })
    assert.deepEqual(world.decide(), [])
  })

  test('a host of weight 0 is emptied, unless there are only such hosts', () => {
    const world = settled(named(2))
    world.host('host-2', { weight: 0 }).settle()
    assert.deepEqual(
      [...world.primaries()],
      [
        ['host-1', slotCount],
        ['host-2', 0],
      ],
    )
    world.host('host-1', { weight: 0 })
    assert.deepEqual(world.decide(), [])
    world.hosts.delete('host-1')
    world.settle()
    assert.equal(world.primaries().get('host-2'), slotCount)
  })

  test('a host that comes and goes gets no slots, unless nobody else can take them', () => {
    const world = settled(named(3))
    world.hosts.delete('host-1')
    world.settle()
    assert.deepEqual(world.host('host-1', { state: 'unsteady' }).decide(), [])
    world.hosts.delete('host-2')
    world.settle()
    assert.equal(world.primaries().get('host-3'), slotCount)
    world.hosts.delete('host-3')
    world.settle()
    assert.equal(world.primaries().get('host-1'), slotCount)
  })

  test('a host that says nothing readable keeps what it has, and gets nothing', () => {
    const world = settled(named(2))
    assert.deepEqual(world.host('host-1', { state: 'unreadable', weight: 0 }).decide(), [])
    world.hosts.delete('host-2')
    assert.deepEqual(world.decide(), [])
  })

  test('a handover that nobody takes is taken back, and its slot rests', () => {
    const world = settled(named(1)).host('host-2')
    world.carryOut(world.decide())
    world.now = takeBackAfterMs - 1
    assert.deepEqual(world.decide(), [])
    world.now = takeBackAfterMs
    const steps = world.decide()
    assert.equal(steps.filter(({ kind }) => kind === 'take back').length, 128)
    world.carryOut(steps)
    assert.ok(world.slots.every((slot) => slot.kind === 'placed' && slot.record.next === undefined))
  })

  test('a handover to a host that has died is taken back at once', () => {
    const world = settled(named(1)).host('host-2')
    world.carryOut(world.decide())
    world.hosts.delete('host-2')
    world.isCalm = false
    assert.deepEqual(
      world.decide().map(({ kind }) => kind),
      Array.from({ length: 128 }, () => 'take back'),
    )
    world.isCalm = true
    world.settle()
    assert.equal(world.primaries().get('host-1'), slotCount)
    assert.ok(world.slots.every((slot) => slot.kind === 'placed' && slot.record.copies.join() === 'host-1'))
  })

  test('a slot whose primary dies in a handover goes to whoever it was on its way to', () => {
    const world = settled(named(2)).host('host-3')
    const steps = world.decide()
    world.carryOut(steps)
    world.hosts.delete('host-1')
    for (const { slot, to } of world.decide().filter(({ kind }) => kind === 'take over')) {
      const before = steps.find((step) => step.slot === slot)
      if (before) assert.equal(to, before.to)
    }
  })

  test('a value that is not valid is left alone, and the other slots go on', () => {
    const world = settled(named(2))
    world.scribble(7, 'mine!')
    world.scribble(8, JSON.stringify({ primary: 'host-9', copies: [], inSync: [], next: null, term: null }))
    assert.ok(world.decide().every(({ slot }) => slot !== 7 && slot !== 8))
    world.hosts.delete('host-1')
    world.settle()
    assert.equal(world.slots[7]!.kind, 'unreadable')
    assert.equal(world.primaries().get('host-2'), slotCount - 2)
  })

  test('a slot that names hosts nobody knows gets a primary that lives', () => {
    const world = settled(named(2))
    const record = { primary: 'nobody', copies: ['nobody'], inSync: ['nobody'], next: 'none', term: null }
    world.scribble(7, JSON.stringify(record))
    world.scribble(8, JSON.stringify({ ...record, primary: null, copies: [], inSync: [] }))
    world.scribble(9, JSON.stringify({ ...record, primary: 'host-1', copies: ['host-1'], inSync: ['host-1'] }))
    world.settle()
    assertFair(world)
  })
})

describe('copies on shared storage', () => {
  const listed = (world: PlacedWorld) =>
    world.slots.map((slot) => (slot.kind === 'placed' ? slot.record.inSync : [])).map((names) => names.toSorted())

  test('are as many as there are to be, or as there are hosts', () => {
    const world = settled(named(1, 'shared', 3))
    assert.ok(listed(world).every((names) => names.length === 1))
    settled(world.host('host-2'))
    assert.ok(listed(world).every((names) => names.length === 2))
    settled(world.host('host-3').host('host-4'))
    assert.ok(listed(world).every((names) => new Set(names).size === 3))
    for (const name of world.hosts.keys()) {
      const share = listed(world).filter((names) => names.includes(name)).length
      assert.ok(Math.abs(share - (slotCount * 3) / 4) < 350, `${name}: ${share}`)
    }
  })

  test('are in different zones where that is possible', () => {
    const world = new PlacedWorld('shared', 3)
    for (const [name, zone] of Object.entries({ a: 'x', b: 'x', c: 'x', d: 'y', e: 'y', f: 'z' }))
      world.host(name, { zone })
    settled(world)
    const zonesOf = (names: string[]) => new Set(names.map((name) => world.hosts.get(name)!.zone)).size
    assert.ok(listed(world).every((names) => zonesOf(names) === 3))
    world.hosts.delete('f')
    settled(world)
    assert.ok(listed(world).every((names) => names.length === 3 && zonesOf(names) === 2))
  })

  test('stay where they are while a host is away for a moment', () => {
    const world = settled(named(4, 'shared', 2))
    const before = listed(world)
    world.host('host-1', { state: 'missing' })
    const steps = world.decide()
    assert.ok(steps.every(({ kind }) => kind === 'take over'))
    world.settle()
    for (const [slot, names] of listed(world).entries()) {
      if (!steps.some((step) => step.slot === slot)) assert.deepEqual(names, before[slot])
    }
  })

  test('take a slot over before others do', () => {
    const world = settled(named(4, 'shared', 2))
    world.hosts.delete('host-1')
    const steps = world.decide().filter(({ kind }) => kind === 'take over')
    const byCopies = steps.filter(({ slot, to }) => {
      const before = world.slots[slot]!
      return before.kind === 'placed' && before.record.inSync.includes(to!)
    })
    assert.ok(byCopies.length > steps.length * 0.8, `${byCopies.length} of ${steps.length}`)
  })

  test('are written in bounded numbers, and the most a record may have are still readable', () => {
    const world = settled(named(17, 'shared', 16))
    world.host('host-18')
    assert.ok(world.decide().length <= 128 + 512)
    world.settle()
    assertFair(world)
  })
})

describe('with storage of the hosts’ own', () => {
  test('a slot stays with its host while that is away, and with one copy nobody takes it over', () => {
    const world = settled(named(2, 'own'))
    const before = world.slots.slice()
    world.host('host-2', { state: 'leaving' })
    assert.deepEqual(world.decide(), [])
    world.host('host-2', { state: 'missing' })
    assert.deepEqual(world.decide(), [])
    world.hosts.delete('host-2')
    assert.ok(
      world.decide().every(({ kind, slot }) => kind === 'change copies' && primaryOf(before[slot]!) === 'host-1'),
    )
    world.host('host-2')
    assert.deepEqual(world.decide(), [])
  })

  test('a slot whose key was deleted is given to nobody: another host than those that have it would be its primary', () => {
    for (const storage of ['own', 'shared'] as const) {
      const world = settled(named(3, storage, 2))
      world.slots[7] = lostSlot
      const steps = world.decide()
      assert.deepEqual(
        steps.map(({ kind, slot }) => [kind, slot]),
        storage === 'own' ? [] : [['assign', 7]],
      )
      const [words = ''] = unavailable(world.snapshot()).map(({ why }) => why)
      assert.match(words, storage === 'own' ? /keys in etcd were deleted/ : /No host keeps them yet/)
    }
  })

  for (const copies of [1, 2, 3]) {
    test(`a host that joins gets its share of ${copies} copies, and each slot is in sync all the while`, () => {
      const world = settled(named(4, 'own', copies))
      world.host('newcomer')
      for (let steps = world.decide(); steps.length > 0; steps = world.decide()) {
        world.carryOut(steps)
        for (const slot of world.slots) assert.ok(slot.kind === 'placed' && slot.record.inSync.length >= copies)
        world.bringUp((slot) => slot % 2 === 0)
        world.handOver((slot) => slot % 3 === 0)
        world.bringUp()
        world.handOver()
      }
      const counts = [...world.hosts.keys()].map((name) => world.slots.filter((slot) => isListed(slot, name)).length)
      for (const count of counts) assert.ok(Math.abs(count - (slotCount * copies) / 5) < 350, counts.join())
      for (const slot of world.slots) assert.ok(slot.kind === 'placed' && slot.record.copies.length === copies)
      if (copies > 1) assertFair(world)
      else assert.ok(world.changes.every(({ to }) => to === 'newcomer'))
    })

    test(`what a host kept that does not come back is copied elsewhere, ${copies} copies`, () => {
      const world = settled(named(5, 'own', copies))
      world.hosts.delete('host-1')
      world.settle()
      for (const slot of world.slots) {
        if (slot.kind !== 'placed' || slot.record.primary === 'host-1') continue
        assert.equal(slot.record.inSync.length, copies)
        assert.ok(!slot.record.inSync.includes('host-1'))
      }
      assert.equal(
        world.slots.some((slot) => primaryOf(slot) === 'host-1'),
        copies === 1,
      )
    })
  }

  test('a copy is not taken off while one that is to keep the slot is not in sync, or away', () => {
    const world = settled(named(3, 'own', 2))
    world.host('host-4')
    for (let steps = world.decide(); steps.length > 0; steps = world.decide()) {
      // Nobody has caught up.
      for (const { slot, write } of steps) {
        const before = world.slots[slot]!
        assert.ok(before.kind === 'placed' && before.record.copies.every((name) => write.copies.includes(name)))
      }
      world.carryOut(steps)
      world.handOver()
    }
    world.bringUp()
    world.host('host-4', { state: 'missing' })
    const steps = world.decide()
    assert.ok(steps.every(({ kind, write }) => kind !== 'change copies' || !write.copies.includes('host-4')))
  })

  test('while there are fewer hosts than copies, nobody is taken off, and one that comes and goes is better than none', () => {
    const world = settled(named(2, 'own', 2))
    world.hosts.delete('host-2')
    world.settle()
    for (const slot of world.slots) assert.ok(isListed(slot, 'host-2'))
    const alone = settled(named(1, 'own', 2)).host('host-2', { state: 'unsteady' })
    alone.settle()
    for (const slot of alone.slots) assert.ok(slot.kind === 'placed' && slot.record.inSync.length === 2)
  })

  test('a slot that was never served begins with its primary alone, one of those that are to keep it', () => {
    const world = new PlacedWorld('own', 2)
    for (const name of ['a', 'b', 'c']) world.host(name)
    for (const { kind, write } of world.decide()) {
      assert.equal(kind, 'assign')
      assert.deepEqual([write.copies, write.inSync], [[write.primary], [write.primary]])
    }
    world.settle()
    assertFair(world)
    assert.equal(world.changes.length, slotCount, 'none has moved')
  })

  test('only a copy in sync takes over, even one that comes and goes', () => {
    const world = settled(named(3, 'own', 3))
    const record = {
      primary: 'host-1',
      copies: ['host-1', 'host-2', 'host-3'],
      inSync: ['host-1', 'host-3'],
      next: null,
    }
    world.isCalm = false
    for (let slot = 0; slot < slotCount; slot++) world.slots[slot] = { kind: 'unreadable', revision: 1 }
    world.scribble(5, JSON.stringify({ ...record, term: null }))
    world.hosts.delete('host-1')
    world.host('host-3', { state: 'unsteady' })
    const [step, ...others] = world.decide()
    assert.deepEqual(others, [])
    assert.equal(step!.to, 'host-3')
    assert.deepEqual(step!.write.copies, record.copies)
    assert.deepEqual(step!.write.inSync, ['host-3'])
  })

  test('a slot of a host that leaves goes to a copy in sync', () => {
    const world = settled(named(3, 'own', 3))
    for (let slot = 0; slot < slotCount; slot++) world.slots[slot] = { kind: 'unreadable', revision: 1 }
    const record = {
      primary: 'host-1',
      copies: ['host-1', 'host-2', 'host-3'],
      inSync: ['host-1', 'host-3'],
      next: null,
    }
    world.isCalm = false
    for (let slot = 0; slot < 12; slot++) world.scribble(slot, JSON.stringify({ ...record, term: null }))
    world.host('host-1', { state: 'leaving' })
    const steps = world.decide()
    assert.equal(steps.length, 12)
    assert.ok(steps.every(({ kind, to }) => kind === 'hand over' && to === 'host-3'))
  })
})

const primaryOf = (slot: Slot) => (slot.kind === 'placed' ? slot.record.primary : undefined)
const isListed = (slot: Slot, name: string) => slot.kind === 'placed' && slot.record.copies.includes(name)

describe('whatever happens', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const storage = seed % 2 === 0 ? 'own' : 'shared'
    test(`each slot that can be served is, shares are fair, and then there is quiet (${storage}, seed ${seed})`, () => {
      runAtRandom(new SeededRandom(seed), storage)
    })
  }
})

function runAtRandom(random: SeededRandom, storage: 'own' | 'shared'): void {
  const world = new PlacedWorld(storage, 1 + random.below(3), 600)
  for (let event = 0; event < 25; event++) {
    const name = `host-${random.below(12)}`
    const before = world.hosts.get(name)
    if (!before || random.chance(0.4)) {
      const weight = random.chance(0.1) ? 0 : random.pick([1, 50, 100, 100, 100, 1000])
      world.host(name, { weight, zone: random.pick(['', 'x', 'y', 'z']) })
    } else if (random.chance(0.5)) world.hosts.delete(name)
    else world.host(name, { ...before, state: random.pick(['leaving', 'unsteady', 'missing', 'unreadable']) })

    // Some of what was decided is done, and some of it is too late.
    const old = world.decide()
    world.carryOut(old.filter(() => random.chance(0.7)))
    world.handOver(() => random.chance(0.5))
    if (storage === 'own') world.bringUp(() => random.chance(0.5))
    world.carryOut(old)
    if (random.chance(0.4)) continue
    world.settle()
    assertServed(world)
  }
  for (const [name, host] of world.hosts) world.host(name, { ...host, state: 'steady', weight: host.weight || 1 })
  world.host('host-0').settle()
  assertServed(world)
  if (storage === 'shared') assertFair(world)
  assert.deepEqual(world.decide(), [])
}

function assertServed(world: PlacedWorld): void {
  const open = [...world.hosts.values()].some(({ state }) => state === 'steady' || state === 'unsteady')
  for (const slot of world.slots) {
    const record = slot.kind === 'placed' ? slot.record : undefined
    const state = world.hosts.get(record?.primary ?? '')?.state ?? 'gone'
    const isServed = record !== undefined && state !== 'gone' && state !== 'missing'
    if (world.storage === 'shared' && open) assert.ok(isServed)
    // Whoever is in sync and lives can serve it.
    const isServable = record?.inSync.some((name) =>
      ['steady', 'unsteady'].includes(world.hosts.get(name)?.state ?? ''),
    )
    if (world.storage === 'own' && isServable) assert.ok(isServed)
  }
}

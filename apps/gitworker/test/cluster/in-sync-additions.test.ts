import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { writeHostRecord } from '@sluice/shared/placement/host-record'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotWrite } from '@sluice/shared/placement/slot-record'
import { InSyncSwaps } from '../../src/cluster/handover/in-sync-swaps.ts'
import { HostTable } from '../../src/cluster/member/host-table.ts'
import { SlotTable } from '../../src/cluster/table/slot-table.ts'
import { keys } from '../support/cluster-host.ts'
import { recordLog } from '../support/recorded-log.ts'

const term = 1
const never = new AbortController().signal
const may = () => true
const both = { primary: 'one', copies: ['one', 'two'], inSync: ['one'], next: undefined, term } as const
const hostTwo = writeHostRecord({
  address: 'two.test:1',
  weight: 1,
  zone: '',
  version: '1',
  run: 'run',
  isLeaving: false,
})
const range = (count: number) => Array.from({ length: count }, (_, slot) => slot)

/** A primary's swaps of some slots, over a coordinator whose swaps can be made to fail. */
async function open(slots: number, record: SlotWrite = both) {
  const operator = new InProcessCoordinator(new KeyStore())
  for (const slot of range(slots)) await write(operator, slot, record)
  const swaps: (readonly Swap[])[] = []
  /** What becomes of the next swaps: whether each is done, although it fails. */
  const failures: ('done' | 'lost')[] = []
  const coordinator: Coordinator = {
    read: (prefix) => operator.read(prefix),
    watch: (prefix, signal) => operator.watch(prefix, signal),
    grantLease: (ttl) => operator.grantLease(ttl),
    async swap(parts) {
      swaps.push(parts)
      const failure = failures.shift()
      if (failure === 'lost') throw new Error('no answer')
      const swapped = await operator.swap(parts)
      if (failure === 'done') throw new Error('no answer')
      return swapped
    },
    [Symbol.asyncDispose]: () => operator[Symbol.asyncDispose](),
  }
  const table = new SlotTable(keys, { onInvalid: () => {}, onWentBack: () => {} })
  await table.look(operator)
  const { lines, log } = recordLog()
  const { revision: since } = await operator.swap([{ key: keys.host('two'), expected: 0, value: hostTwo }])
  const hosts = new HostTable(keys)
  hosts.take({ kind: 'all', ...(await operator.read(keys.hosts)) })
  const inSync = new InSyncSwaps({ name: 'one', coordinator, keys, table, hosts, log })
  const add = (slot: number, mayEnter = may, signal = never) =>
    inSync.add({ slot, term, copy: 'two', since, mayEnter, signal })
  const inSyncOf = async () => {
    await table.look(operator)
    return range(slots).map((slot) => table.at(slot).record?.inSync.join())
  }
  return { operator, swaps, failures, table, hosts, lines, add, inSyncOf }
}

async function write(operator: Coordinator, slot: number, record: SlotWrite): Promise<void> {
  await operator.swap([{ key: keys.slot(slot), expected: undefined, value: writeSlotRecord(record) }])
}

test('copies of many slots are taken in by few swaps, each asked right before its own, with a line for each swap', async () => {
  const { swaps, lines, add, inSyncOf } = await open(300)
  const asked: number[] = []
  const mayEnter = (slot: number) => () => {
    asked[slot] = swaps.length
    return slot !== 5
  }
  const results = await Promise.all(range(300).map((slot) => add(slot, mayEnter(slot))))
  assert.deepEqual(
    swaps.map(({ length }) => length),
    [127, 128, 47],
  )
  assert.deepEqual([asked[0], asked[126], asked[127], asked[299]], [0, 0, 1, 2])
  assert.deepEqual(
    results,
    range(300).map((slot) => slot !== 5),
  )
  assert.deepEqual(
    await inSyncOf(),
    range(300).map((slot) => (slot === 5 ? 'one' : 'one,two')),
  )
  assert.deepEqual(
    lines.map(({ slots, some, copy }) => [slots, (some as number[]).length, copy]),
    [
      [126, 8, 'two'],
      [127, 8, 'two'],
      [46, 8, 'two'],
    ],
  )
})

test('slots that have changed hold up no others, and nothing that was written meanwhile is lost', async () => {
  const { operator, swaps, add, inSyncOf, table } = await open(100)
  await write(operator, 10, { ...both, copies: ['one', 'two', 'three'] })
  await write(operator, 20, { ...both, primary: 'three', copies: ['three', 'two'], inSync: ['three'] })
  await write(operator, 30, { ...both, copies: ['one', 'three'] })
  const results = await Promise.allSettled(range(100).map((slot) => add(slot)))
  const found = await inSyncOf()
  for (const [slot, result] of results.entries()) {
    if (slot === 20) assert.match(String((result as PromiseRejectedResult).reason), /not the primary of slot 20/)
    else assert.deepEqual(result, { status: 'fulfilled', value: slot !== 30 })
    assert.equal(found[slot], slot === 20 ? 'three' : slot === 30 ? 'one' : 'one,two')
  }
  assert.deepEqual(table.at(10).record?.copies, ['one', 'two', 'three'])
  assert.ok(swaps.length < 50, `${swaps.length} swaps`)
})

for (const failure of ['done', 'lost'] as const) {
  test(`a swap without an answer is made certain for each slot (it was ${failure})`, async () => {
    const { failures, swaps, add, inSyncOf } = await open(3)
    // The first one, and then the first attempt to make one slot certain.
    failures.push(failure, 'lost')
    let asked = 0
    const results = await Promise.all(
      range(3).map((slot) =>
        add(slot, () => {
          asked++
          return true
        }),
      ),
    )
    assert.deepEqual(results, [true, true, true])
    assert.deepEqual(await inSyncOf(), ['one,two', 'one,two', 'one,two'])
    assert.equal(asked, failure === 'done' ? 3 : 6)
    assert.ok(swaps.length > 4)
  })
}

test('where nobody can be asked, the wait for certainty ends with the signal, and what waits is not begun', async () => {
  const { failures, swaps, add } = await open(130)
  failures.push(...Array.from({ length: 1000 }, () => 'lost' as const))
  const ending = new AbortController()
  let asked = 0
  const mayEnter = () => {
    asked++
    return true
  }
  const adding = range(130).map((slot) => add(slot, mayEnter, ending.signal))
  const results = Promise.allSettled(adding)
  while (swaps.length < 2) await new Promise((resolve) => void setImmediate(resolve))
  ending.abort(new Error('The host stops.'))
  for (const result of await results) assert.match(String((result as PromiseRejectedResult).reason), /The host stops/)
  assert.equal(asked, 127)
})

test('a copy whose host was away meanwhile is not taken in, even where this host has not heard of it', async () => {
  const { operator, hosts, swaps, add, inSyncOf } = await open(30)
  await operator.swap([{ key: keys.host('two'), expected: undefined, value: hostTwo }])
  assert.ok((await Promise.all(range(30).map((slot) => add(slot)))).every((isIn) => !isIn))
  assert.equal(swaps.length, 1)
  hosts.take({ kind: 'all', ...(await operator.read(keys.hosts)) })
  assert.equal(await add(0), false)
  assert.deepEqual(new Set(await inSyncOf()), new Set(['one']))
})

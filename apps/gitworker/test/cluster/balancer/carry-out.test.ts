import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { mostSwapped } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { carryOut } from '../../../src/cluster/balancer/carry-out.ts'
import type { Step } from '../../../src/cluster/balancer/decide/step.ts'
import { Mandate } from '../../../src/cluster/balancer/mandate.ts'

const keys = clusterKeys('/test/')

function assigned(slot: number, gone?: string): Step {
  const write = { primary: 'a', copies: ['a'], inSync: ['a'], next: undefined, term: undefined }
  const step = { kind: 'assign', slot, from: undefined, to: 'a', expected: 0, write } as const
  return gone === undefined ? step : { ...step, gone }
}

async function start(after: AsyncDisposableStack) {
  const store = new KeyStore()
  const coordinator = after.use(new InProcessCoordinator(store))
  const mandate = after.use((await Mandate.seek(coordinator, keys, 'a', 60_000))!)
  const sizes: number[] = []
  const counted = Object.create(coordinator, {
    swap: {
      value: (parts: Parameters<typeof coordinator.swap>[0]) => {
        sizes.push(parts.length)
        return coordinator.swap(parts)
      },
    },
  }) as InProcessCoordinator
  const carry = (steps: readonly Step[], mayGoOn = () => true) => carryOut(counted, keys, mandate, steps, mayGoOn)
  const put = (key: string, value: string) => store.swap([{ key, expected: undefined, value }])
  return { store, coordinator, mandate, sizes, carry, put, slots: () => store.read(keys.slots).entries.length }
}

const steps = Array.from({ length: 1000 }, (_, slot) => assigned(slot))

describe('steps are carried out', () => {
  test('as many at a time as fit into one swap', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, sizes, slots } = await start(after)
    const { carried, conflicts } = await carry(steps)
    assert.equal(carried.length, 1000)
    assert.equal(conflicts, 0)
    assert.equal(slots(), 1000)
    assert.equal(sizes.length, Math.ceil(1000 / (mostSwapped - 1)))
    assert.ok(sizes.every((size) => size <= mostSwapped))
  })

  test('without the one that has changed', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, put, sizes, slots, store } = await start(after)
    put(keys.slot(300), 'changed')
    const { carried, conflicts } = await carry(steps)
    assert.equal(carried.length, 999)
    assert.equal(conflicts, 1)
    assert.equal(slots(), 1000)
    assert.equal(store.read(keys.slot(300)).entries[0]!.value, 'changed')
    assert.ok(sizes.length < 40, `${sizes.length} swaps`)
  })

  test('in a bounded number of attempts where all have changed', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, put, sizes } = await start(after)
    for (const { slot } of steps) put(keys.slot(slot), 'changed')
    assert.equal((await carry(steps)).carried.length, 0)
    assert.ok(sizes.length <= 48 + 3, `${sizes.length} swaps`)
  })

  test('not for a host that is back', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, put, sizes } = await start(after)
    put(keys.host('back'), 'here')
    const { carried } = await carry([...steps.slice(0, 200), assigned(1000, 'back'), assigned(1001, 'gone')])
    assert.equal(carried.length, 201)
    assert.ok(carried.every(({ step }) => step.gone !== 'back'))
    sizes.length = 0
    await carry(Array.from({ length: 300 }, (_, at) => assigned(2000 + at, `gone-${at}`)))
    assert.ok(sizes.every((size) => size <= mostSwapped))
  })

  test('not by a host that balances no more', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, coordinator, mandate, put, slots } = await start(after)
    assert.equal(await Mandate.seek(coordinator, keys, 'b', 60_000), undefined)
    assert.equal((await carry(steps, () => false)).carried.length, 0)
    await mandate[Symbol.asyncDispose]()
    assert.equal(mandate.isLive, false)
    put(keys.balancer, 'a')
    assert.equal((await carry(steps)).carried.length, 0)
    assert.equal(slots(), 0)
  })

  test('until the coordinator does not answer', async () => {
    await using after = new AsyncDisposableStack()
    const { carry, coordinator } = await start(after)
    let looks = 0
    const { carried, error } = await carry(steps, () => (coordinator.isAway = ++looks > 2) || true)
    assert.equal(carried.length, 2 * (mostSwapped - 1))
    assert.ok(error instanceof Error)
  })
})

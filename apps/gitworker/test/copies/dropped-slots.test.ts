import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { DroppedSlots } from '../../src/copies/catching-up/dropped-slots.ts'
import { Terms } from '../../src/copies/copy/term/terms.ts'

test('what a table says that is older than what this host has known drops nothing', async () => {
  await using folder = await temporaryFolder()
  const terms = await Terms.open(folder.path)
  const records = new Map<number, SlotRecord>()
  for (const slot of [1, 2]) {
    await terms.see(slot, 50)
    const others = ['two']
    records.set(slot, { primary: 'two', copies: others, inSync: others, next: undefined, term: slot === 1 ? 20 : 50 })
  }
  const dropped: string[] = []
  let changed: (slot: number) => void = () => {}
  const view = {
    name: 'one',
    slot: (slot: number) => records.get(slot),
    addressOf: () => undefined,
    sinceOf: () => undefined,
    changed: async () => {},
    listen: (listener: (slot: number) => void) => {
      changed = listener
      return { [Symbol.dispose]: () => {} }
    },
  }
  const names = { read: async () => new Map([1, 2].map((slot) => [slot, [`r-${slot}`, `other-${slot}`]])) }
  let looks = 0
  const lent = async () => {
    looks++
    return new Set<string>()
  }
  const followers = {
    drop: async (repository: string, isKept: () => boolean) => {
      if (!isKept()) dropped.push(repository)
    },
  }
  await using _slots = new DroppedSlots({
    view,
    terms,
    names: names as unknown as ConstructorParameters<typeof DroppedSlots>[0]['names'],
    followers,
    lent,
    isLive: () => true,
    log: silentLog,
  })
  for (const slot of [1, 2]) changed(slot)
  await until('the one to be dropped', () => dropped.length === 2)
  assert.deepEqual(dropped, ['r-2', 'other-2'])
  assert.equal(looks, 1)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { DroppedSlots } from '../../src/copies/catching-up/dropped-slots.ts'
import { Terms } from '../../src/copies/copy/term/terms.ts'
import { recordLog } from '../support/recorded-log.ts'

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
  const { lines, log } = recordLog()
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
      if (isKept()) return undefined
      dropped.push(repository)
      return { id: `id of ${repository}` }
    },
  }
  await using _slots = new DroppedSlots({
    view,
    terms,
    names: names as unknown as ConstructorParameters<typeof DroppedSlots>[0]['names'],
    followers,
    lent,
    isLive: () => true,
    log,
  })
  for (const slot of [1, 2]) changed(slot)
  await until('it to be in the log', () => lines.length > 0)
  const trashed = dropped.map((repository) => ({ repository, trash: `id of ${repository}` }))
  assert.deepEqual([lines[0]!['moved'], lines[0]!['trashed']], [2, trashed])
  assert.deepEqual(dropped, ['r-2', 'other-2'])
  assert.equal(looks, 1)
})

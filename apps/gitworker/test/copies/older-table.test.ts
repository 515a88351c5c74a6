import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { until } from '@sluice/shared/testing/until'
import { OlderTable } from '../../src/copies/catching-up/older-table.ts'
import { recordLog } from '../support/recorded-log.ts'

test('a table that is older than what the disk knows is said once for each change, and when it is over', async () => {
  const records = new Map<number, SlotRecord>()
  const listeners = new Set<(slot: number) => void>()
  const set = (slot: number, term: number, copies: readonly string[] = ['one', 'two']) => {
    records.set(slot, { primary: 'one', copies, inSync: copies, next: undefined, term })
    for (const listener of listeners) listener(slot)
  }
  const view = {
    name: 'two',
    slot: (slot: number) => records.get(slot),
    addressOf: () => undefined,
    sinceOf: () => undefined,
    changed: async () => {},
    listen: (listener: (slot: number) => void) => {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
  }
  const { log, lines } = recordLog()
  const terms = { of: (slot: number) => (slot < 3 ? 50 : 0) }
  using table = new OlderTable(view, terms, log)
  set(0, 50)
  set(1, 49)
  set(2, 7, ['one', 'three'])
  set(3, 7)
  assert.deepEqual(table.slots, [1])
  await until('a line', () => lines.length === 1)
  assert.match(JSON.stringify(lines[0]), /"slots":\[1\].*older than what this host knows/)
  set(1, 49)
  set(1, 51)
  await until('a line', () => lines.length === 2)
  assert.match(JSON.stringify(lines[1]), /not older than this host any more/)
  assert.deepEqual(table.slots, [])
})

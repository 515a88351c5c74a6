import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { Attempts } from '../../src/copies/catching-up/attempts.ts'
import type { SlotView } from '../../src/copies/slot-view.ts'

function viewOf(): SlotView & { record: SlotRecord } {
  return {
    record: { primary: 'one', copies: ['one', 'two'], inSync: ['one'], next: undefined, term: 7 },
    name: 'one',
    slot(slot) {
      return slot === 0 ? this.record : undefined
    },
    addressOf: () => undefined,
    sinceOf: () => 3,
    changed: async () => {},
    listen: () => ({ [Symbol.dispose]() {} }),
  }
}

test('an attempt that is under way is not begun once more when its slot was another host’s for a moment', () => {
  const view = viewOf()
  const { record } = view
  const attempts = new Attempts(view, 1000)
  const [first] = attempts.due(1)
  attempts.begin(first!)
  view.record = { ...record, primary: 'two', term: 8 }
  assert.deepEqual(attempts.due(1), [])
  view.record = { ...record, term: 9 }
  assert.deepEqual(attempts.due(1), [])
  // It was of an earlier term.
  attempts.succeeded(first!)
  const [again] = attempts.due(1)
  assert.equal(again?.term, 9)
  assert.equal(again.state, 'idle')
})

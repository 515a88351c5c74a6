import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSlotRecord, withoutInSync, writeSlotRecord } from '../../src/placement/slot-record.ts'
import type { SlotRecord } from '../../src/placement/slot-record.ts'

const both = ['one', 'two']
const record: SlotRecord = { primary: 'one', copies: both, inSync: both, next: 'two', term: 3 }

test('what is written is read as it was', () => {
  assert.deepEqual(readSlotRecord(writeSlotRecord(record), 5), record)
  assert.deepEqual(readSlotRecord(writeSlotRecord({ ...record, term: undefined }), 5), { ...record, term: 5 })
})

test('what nobody could read is not written', () => {
  const bad = [
    { inSync: ['two'] },
    { primary: 'three' },
    { copies: ['one'] },
    { primary: undefined, inSync: ['three'] },
  ]
  for (const wrong of bad)
    assert.throws(() => writeSlotRecord({ ...record, ...wrong }), /A slot cannot be kept like this/)
})

test('a copy that falls out of sync does not become primary', () => {
  assert.deepEqual(withoutInSync(record, 'two'), { ...record, inSync: ['one'], next: undefined })
  const three = { ...record, copies: [...both, 'three'], inSync: [...both, 'three'] }
  assert.deepEqual(withoutInSync(three, 'three'), { ...three, inSync: both })
})

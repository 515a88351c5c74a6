import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotCount } from '@sluice/shared/placement/slot'
import { SlotTable } from '../../../src/hosts/cluster/slot-table.ts'
import { keys, slotValue } from './played-cluster.ts'

function newTable() {
  const changed: number[] = []
  const invalid: string[] = []
  const back: [number, number][] = []
  const table = new SlotTable(keys, {
    onChange: (slot) => changed.push(slot),
    onInvalid: (key) => invalid.push(key),
    onWentBack: (from, to) => back.push([from, to]),
  })
  return { table, changed, invalid, back }
}

const entry = (slot: number, primary: string, revision: number) => ({
  key: keys.slot(slot),
  value: slotValue({ primary }),
  revision,
})

test('what a watch brings is in the table, and who is told is told of what has changed only', async () => {
  const { table, changed } = newTable()
  assert.equal(table.isKnown, false)
  await table.take({ kind: 'all', revision: 5, entries: [entry(1, 'a', 4), entry(2, 'b', 5)] })
  assert.deepEqual([table.isKnown, table.at(1)?.primary, table.at(1)?.term, table.at(3)], [true, 'a', 4, undefined])
  await table.take({
    kind: 'changes',
    revision: 7,
    changes: [entry(1, 'b', 6), { ...entry(2, '', 7), value: undefined }],
  })
  assert.deepEqual([table.at(1)?.primary, table.at(2), table.revision], ['b', undefined, 7])
  assert.deepEqual(changed.splice(0), [1, 2, 1, 2])
  // After a gap: one is as it was, one is new, and one has gone meanwhile.
  await table.take({ kind: 'all', revision: 9, entries: [entry(1, 'b', 6), entry(3, 'c', 9)] })
  await table.take({ kind: 'all', revision: 9, entries: [entry(3, 'c', 9)] })
  assert.deepEqual([table.at(1), table.at(3)?.primary, changed], [undefined, 'c', [3, 1]])
})

test('a table that goes back to an older revision is said, and taken', async () => {
  const { table, back } = newTable()
  await table.take({ kind: 'all', revision: 90, entries: [entry(1, 'a', 80), entry(2, 'a', 90)] })
  await table.take({ kind: 'all', revision: 40, entries: [entry(1, 'b', 30)] })
  assert.deepEqual([back, table.at(1)?.primary, table.at(2), table.revision], [[[90, 40]], 'b', undefined, 40])
})

test('a slot whose value is not valid is kept by nobody, and keys that are none are told', async () => {
  const { table, invalid } = newTable()
  const bad = ['', '{', '[]', '{"primary":"a"}', slotValue({ primary: 'a' }).replace('null}', '99}')]
  for (const [revision, value] of bad.entries()) {
    await table.take({ kind: 'all', revision: 9, entries: [entry(7, 'a', 8)] })
    await table.take({
      kind: 'changes',
      revision: 10,
      changes: [{ key: keys.slot(7), value, revision: revision + 10 }],
    })
    assert.equal(table.at(7), undefined, value)
  }
  const strange = ['4096', '12', '00012', 'x', ''].map((end) => ({ ...entry(0, 'a', 20), key: keys.slots + end }))
  await table.take({ kind: 'changes', revision: 20, changes: strange })
  assert.equal(invalid.length, bad.length + strange.length)
})

test('ten thousand changes at once do not keep others from the event loop', async () => {
  const { table } = newTable()
  const changes = Array.from({ length: 10_000 }, (_, index) => entry(index % slotCount, `h${index % 3}`, index + 1))
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  await table.take({ kind: 'changes', revision: 10_000, changes })
  clearInterval(timer)
  assert.ok(turns > 1, `${turns} turns`)
})

test('what a host tells is taken where it is newer than all that is known, and the watch has the last word', async () => {
  const { table, changed } = newTable()
  const told = (primary: string, revision: number) => {
    const record = { primary, copies: [primary], inSync: [primary], next: undefined, term: revision }
    return table.takeTold(1, { record, revision, hosts: new Map() })
  }
  await table.take({ kind: 'all', revision: 5, entries: [entry(1, 'a', 4)] })
  changed.splice(0)
  // The watch has brought all up to 5.
  assert.deepEqual([told('b', 3), told('b', 4), told('b', 5)], [false, false, false])
  assert.deepEqual([told('b', 9), told('c', 8), table.at(1)?.primary, table.revisionAt(1)], [true, false, 'b', 9])
  assert.deepEqual([table.revision, changed], [5, [1]])
  await table.take({ kind: 'changes', revision: 9, changes: [entry(1, 'c', 8), entry(1, 'b', 9)] })
  assert.deepEqual([table.at(1)?.primary, told('c', 9)], ['b', false])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paintFor, withoutColours } from '../src/output/paint.ts'
import { cut, table } from '../src/output/table.ts'

const columns = [{ title: 'name' }, { title: 'size', align: 'right' }, { title: 'who' }] as const
const rows = [
  ['a', '1', 'ann'],
  ['longer', '1000', 'ben'],
]

test('columns are as wide as what is in them', () => {
  const screen = { columns: undefined, paint: withoutColours }
  assert.equal(table(columns, rows, screen), 'NAME    SIZE  WHO\na          1  ann\nlonger  1000  ben')
})

test('on a terminal, lines fit, and colours take no room and do not leak', () => {
  const paint = paintFor({ isTTY: true, write() {} })
  const red = paint('red', 'abcdef')
  assert.equal(cut(red, 6), red)
  assert.equal(cut(red, 4), `${paint('red', 'abc')}…`)
  assert.equal(cut('abcdef', 4), 'abc…')
  for (const line of table(columns, rows, { columns: 9, paint: withoutColours }).split('\n'))
    assert.ok(line.length <= 9)
})

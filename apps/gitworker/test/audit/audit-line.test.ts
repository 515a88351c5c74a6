import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditLine, shownBytes } from '../../src/audit/audit-line.ts'
import type { RefChange } from '../../src/operations/ref-change.ts'

const who = { id: 'x'.repeat(128), clientAddress: '2001:db8::1', user: '\u202e'.repeat(256) }
const change = (ref: string): RefChange => ({ ref, old: '0'.repeat(64), new: '1'.repeat(64), result: 'ok' })

test('a line is valid JSON of at most 64 KiB, whatever the names are, and counts what does not fit', () => {
  for (const name of ['a', 'é'.repeat(2000), '\u202e'.repeat(1300), '"'.repeat(4000)]) {
    const refs = Array.from({ length: 100 }, (_, index) => change(`refs/${name}${index}`))
    const event = { event: 'push', repository: '\u202e'.repeat(1365), refs, more: 7 } as const
    const line = auditLine(who, event)
    assert.ok(Buffer.byteLength(line) < 64 * 1024, `${Buffer.byteLength(line)}`)
    assert.ok(!line.includes('\n') && !line.includes('\u202e'))
    const read = JSON.parse(line) as { refs: RefChange[]; more: number; user: string }
    assert.equal(read.refs.length + read.more, 107)
    assert.ok(read.refs.length > 0)
    assert.equal(read.user, who.user)
  }
})

test('a reference with a name that does not fit hides no other', () => {
  const refs = [change(`refs/${'x'.repeat(60_000)}`), change('refs/heads/main')]
  const line = auditLine(who, { event: 'push', repository: 'app', refs, more: 0 })
  const read = JSON.parse(line) as { refs: RefChange[]; more: number }
  assert.deepEqual([read.refs.map(({ ref }) => ref), read.more], [['refs/heads/main'], 1])
})

test('bytes that are not UTF-8 are shown as such', () => {
  const bytes = (text: string) => Buffer.from(text).toString('latin1')
  assert.equal(shownBytes(bytes('refs/heads/café')), 'refs/heads/café')
  assert.equal(shownBytes(`${bytes('é')}\xff`), '\\xc3\\xa9\\xff')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childOf, headersOf, receivedContext, rootContext } from '../../src/telemetry/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const valid = `00-${traceId}-${spanId}-01`

test('a traceparent is read', () => {
  assert.deepEqual(receivedContext({ traceparent: valid }), { traceId, spanId, sampled: true, state: undefined })
})

test('only the last bit of the flags says whether a trace is sampled', () => {
  const sampled = (flags: string) => receivedContext({ traceparent: `00-${traceId}-${spanId}-${flags}` })?.sampled
  assert.deepEqual(['00', '01', '02', '09', 'fe', 'ff'].map(sampled), [false, true, false, true, false, true])
})

test('a later version is read by its first 55 characters, and sent on as version 00', () => {
  for (const later of [`01-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-what-the-future-has`]) {
    const context = receivedContext({ traceparent: later })
    assert.ok(context, later)
    assert.deepEqual(headersOf(context), { traceparent: valid })
  }
})

const invalid: Record<string, string> = {
  'empty': '',
  'version ff': `ff-${traceId}-${spanId}-01`,
  'a version that is no number': `0g-${traceId}-${spanId}-01`,
  'a trace id of zeros': `00-${'0'.repeat(32)}-${spanId}-01`,
  'a parent id of zeros': `00-${traceId}-${'0'.repeat(16)}-01`,
  'upper case in the trace id': `00-${traceId.toUpperCase()}-${spanId}-01`,
  'upper case in the parent id': `00-${traceId}-${spanId.toUpperCase()}-01`,
  'upper case in the flags': `00-${traceId}-${spanId}-0F`,
  'a trace id that is too short': `00-${traceId.slice(1)}-${spanId}-01`,
  'no flags': `00-${traceId}-${spanId}`,
  'one digit of flags': `00-${traceId}-${spanId}-1`,
  'version 00 with something after a dash': `${valid}-more`,
  'version 00 with something after it': `${valid}1`,
  'a later version without a dash before what it adds': `01-${traceId}-${spanId}-01more`,
  'two of them': `${valid}, ${valid}`,
  'a space before it': ` ${valid}`,
  'a line end after it': `${valid}\n`,
}

for (const [what, traceparent] of Object.entries(invalid)) {
  test(`no context is taken from a traceparent that is not valid: ${what}`, () => {
    assert.equal(receivedContext({ traceparent, tracestate: 'a=1' }), undefined)
  })
}

test('tracestate goes with a traceparent, as it came', () => {
  const tracestate = 'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE'
  const context = receivedContext({ traceparent: valid, tracestate })
  assert.ok(context)
  assert.deepEqual(headersOf(childOf(context))['tracestate'], tracestate)
  assert.equal(receivedContext({ tracestate }), undefined)
})

test('tracestate that is empty, longer than 512 bytes or not printable is left out; the trace goes on', () => {
  const kept = (tracestate: string) => receivedContext({ traceparent: valid, tracestate })?.state !== undefined
  assert.equal(kept(`a=${'x'.repeat(510)}`), true)
  for (const bad of ['', `a=${'x'.repeat(511)}`, 'a=\u0001', 'a=\u007f', 'a=ü', 'a=1\r\nHost: b', 'a=1\n']) {
    assert.equal(kept(bad), false, JSON.stringify(bad.slice(0, 20)))
    assert.equal(receivedContext({ traceparent: valid, tracestate: bad })?.traceId, traceId)
  }
})

test('a new trace is sampled, and valid for its receiver', () => {
  const root = rootContext()
  assert.deepEqual(receivedContext(headersOf(root)), root)
  assert.equal(root.sampled, true)
})

test('a child stays in the trace, under an id of its own', () => {
  for (const sampled of [true, false]) {
    const parent = { traceId, spanId, sampled, state: 'a=1' }
    const child = childOf(parent)
    assert.match(child.spanId, /^[0-9a-f]{16}$/)
    assert.notEqual(child.spanId, spanId)
    assert.deepEqual({ ...child, spanId }, parent)
  }
})

test('no id is given twice', () => {
  const count = 20_000
  const roots = Array.from({ length: count }, rootContext)
  assert.equal(new Set(roots.map((root) => root.traceId)).size, count)
  assert.equal(new Set(roots.map((root) => root.spanId)).size, count)
  // Nor are the bytes of one id used for part of another.
  assert.equal(
    new Set(roots.flatMap((root) => [root.spanId, root.traceId.slice(0, 16), root.traceId.slice(16)])).size,
    3 * count,
  )
  for (const root of roots) assert.ok(receivedContext(headersOf(root)))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTraceSwitches } from '../../src/git/trace-switches.ts'

test('names of git’s traces are read from a list, each once', () => {
  assert.deepEqual(parseTraceSwitches('trace'), ['trace'])
  assert.deepEqual(parseTraceSwitches('packet, trace2-event ,packet'), ['packet', 'trace2-event'])
})

test('other names are refused', () => {
  for (const text of ['', ',', 'trace,', 'GIT_TRACE', 'packfile', 'toString', '__proto__', '/tmp/file', '1']) {
    assert.equal(parseTraceSwitches(text), undefined, text)
  }
})

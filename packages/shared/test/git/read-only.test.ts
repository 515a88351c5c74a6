import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReadOnly, readOnlyBy, shownSentence } from '../../src/git/read-only.ts'

function rulesOf(text: string) {
  const table = parseReadOnly(text)
  assert.ok(!('problem' in table), JSON.stringify(table))
  return readOnlyBy(table)
}

test('the first pattern that fits any name of a repository decides', () => {
  const rules = rulesOf('legacy/**=Moved, for good = really; team/*; **/x = Other')
  assert.equal(rules(['legacy/a.git']), 'Moved, for good = really')
  assert.equal(rules(['team/x.git/.git']), '')
  assert.equal(rules(['alias', 'legacy/b.git']), 'Moved, for good = really')
  assert.equal(rules(['other/x']), 'Other')
  assert.equal(rules(['other/y']), undefined)
})

test('a file has one on each line, and comments', () => {
  const rules = rulesOf('# all of it; for now\n\n  ** = Until 18:00, sorry\r\n')
  assert.equal(rules(['any']), 'Until 18:00, sorry')
  assert.equal(rulesOf('\n')(['any']), undefined)
})

test('what cannot be meant is told', () => {
  for (const text of ['a, b', 'a b=c', '=x', `a=${'x'.repeat(501)}`, 'a=\u001b[31mred', 'a=\ud800'])
    assert.ok('problem' in parseReadOnly(text), text)
})

test('a sentence from a configuration is made fit to be shown', () => {
  assert.equal(shownSentence(' one\n\ttwo \u001b[1m\ud800 '), 'one two [1m\ufffd')
  assert.equal(shownSentence('x'.repeat(1000)).length, 500)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { covers } from '../../src/check/rules/pattern-cover.ts'

test('a pattern covers another one where all names that fit that one fit it', () => {
  for (const [wide, narrow] of [
    ['**', 'a'],
    ['**', '**'],
    ['**', 'a/*/b?'],
    ['team/**', 'team'],
    ['team/**', 'team/**'],
    ['team/**', 'team/*/x'],
    ['*', 'a*'],
    ['*/*', 'team/*'],
    ['a*', 'ab*'],
    ['team/web', 'team/web'],
    ['**/x', 'a/**/x'],
  ] as const)
    assert.ok(covers(wide, narrow), `${wide} ${narrow}`)
  for (const [wide, narrow] of [
    ['a', '**'],
    ['*', '**'],
    ['*/*', '**'],
    ['team/*', 'team/**'],
    ['team/*/**', 'team/**'],
    ['team/**', 'teams/x'],
    ['a?', 'a*'],
    ['a?*', 'a*'],
    ['ab*', 'a*'],
    ['team/a*', 'team/*'],
    ['team/web', 'team/*'],
    ['[a-c]', '[ab]'],
  ] as const)
    assert.ok(!covers(wide, narrow), `${wide} ${narrow}`)
})

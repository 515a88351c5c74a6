import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { parseRefRules, refRulesBy } from '../../src/git/ref-rules.ts'
import type { RefRule } from '../../src/git/ref-rules.ts'
import { settingsOf } from '../../src/config/settings.ts'

function parse(text: string): RefRule[] {
  const rules = parseRefRules(text)
  if ('problem' in rules) throw new Error(rules.problem)
  return rules
}

const protectionsOf = (text: string, repository: string, ref: string) =>
  [...(refRulesBy(parse(text))([repository])?.(ref) ?? [])].toSorted()

test('a rule is a pattern of repositories, one of references, and what protects them', () => {
  assert.deepEqual(parse('**:refs/heads/main=no-force+no-delete, team/*:refs/tags/**=nobody'), [
    { repository: '**', ref: 'refs/heads/main', protections: ['no-force', 'no-delete'] },
    { repository: 'team/*', ref: 'refs/tags/**', protections: ['nobody'] },
  ])
  assert.deepEqual(parse('off'), [])
})

test('the protections of all rules that fit are joined, whatever their order', () => {
  const rows = ['**:refs/heads/*=no-delete', 'team/**:refs/heads/main=no-force', '**:refs/heads/release/**=nobody']
  for (const text of [rows.join(), rows.toReversed().join()]) {
    assert.deepEqual(protectionsOf(text, 'team/web.git', 'refs/heads/main'), ['no-delete', 'no-force'])
    assert.deepEqual(protectionsOf(text, 'team/web/.git', 'refs/heads/topic'), ['no-delete'])
    assert.deepEqual(protectionsOf(text, 'web', 'refs/heads/release/1/2'), ['nobody'])
    assert.deepEqual(protectionsOf(text, 'web', 'refs/tags/main'), [])
  }
})

test('the rules for each of a repository’s names apply; without a row about it, it has no rules', () => {
  const rulesOf = refRulesBy(parse('team/web:refs/heads/main=nobody'))
  assert.equal(rulesOf(['other', 'team/web2']), undefined)
  assert.deepEqual([...rulesOf(['alias', 'team/web.git'])!('refs/heads/main')], ['nobody'])
})

test('a repository’s name with a colon can have rules', () => {
  assert.deepEqual(protectionsOf('a:refs/b:refs/heads/main=nobody', 'a:refs/b', 'refs/heads/main'), ['nobody'])
})

test('the part that is no rule is named, with the reason', () => {
  const cases: [string, RegExp][] = [
    ['', /in ""/],
    ['**:refs/heads/main', /in "\*\*:refs\/heads\/main": a rule looks like/],
    ['**:refs/heads/a=nobody,', /in "": a rule/],
    ['**:refs/heads/a=nobody, **:main=no-force', /in "\*\*:main=no-force": .* begins with refs\//],
    ['refs/heads/main=nobody', /in "refs\/heads\/main=nobody"/],
    ['**:refs/heads/a=no-push', /"no-push" is none of no-force, no-delete and nobody/],
    ['**:refs/heads/a=no-force+', /"" is none of/],
    ['**:refs/heads/a=no-force=nobody', /in "\*\*:refs/],
    ['team/web.git:refs/heads/main=nobody', /have no \.git at their end, so this fits nothing: write team\/web/],
    ['**:refs/heads/main/=nobody', /no name has a slash at its beginning or end.*: write refs\/heads\/main/],
    [`**:refs/heads/a=nobody,${'x'.repeat(1000)}`, /in "x{80}…": /],
  ]
  for (const [text, why] of cases) assert.throws(() => parse(text), { message: why }, text)
})

test('a configuration with such a part is refused, and the message names the part', () => {
  const env = { SLUICE_PROTECTED_REFS: '**:refs/heads/main=no-force, **:refs/tags/*=never' }
  const message = /SLUICE_PROTECTED_REFS takes .* \(in "\*\*:refs\/tags\/\*=never": "never" is none of/
  assert.throws(
    () => readConfig(settingsOf('supervisor'), env),
    (error) => error instanceof ConfigError && message.test(error.message),
  )
  assert.deepEqual(readConfig(settingsOf('supervisor'), {}).protectedRefs, [])
})

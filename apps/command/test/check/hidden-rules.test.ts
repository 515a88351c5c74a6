import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findHiddenRules } from '../../src/check/rules/hidden-rules.ts'

const ruleFor = (...repositories: string[]) => ({ repositories })

test('the first pattern that hides a rule is told, whether or not it begins with a wildcard', () => {
  const rules = [
    ruleFor('*/web'),
    ruleFor('./team/**'),
    ruleFor('team/web'),
    ruleFor('team/a', 'other/web'),
    ruleFor('team/b', 'other/b'),
    ruleFor('**/b', '**'),
    ruleFor('[a]/b'),
  ]
  const { hidden, lookedAt } = findHiddenRules(rules)
  assert.equal(lookedAt, rules.length)
  assert.deepEqual(
    hidden.map(({ number, by }) => [number, by.number, by.pattern]),
    [
      [2, 0, '*/web'],
      [3, 1, './team/**'],
      [6, 5, '**'],
    ],
  )
})

test('thousands of rules cost thousands of comparisons, and no more than the bound', () => {
  const teams = Array.from({ length: 10_000 }, (_, number) => ruleFor(`team-${number}/**`))
  assert.equal(findHiddenRules(teams, teams.length).lookedAt, teams.length)
  const wild = teams.map((_, number) => ruleFor(`**/team-${number}`))
  const { lookedAt } = findHiddenRules(wild, 10_000)
  assert.ok(lookedAt > 100 && lookedAt < 200, `${lookedAt}`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, groupsOf, nameTableOf } from '../../src/rules/explanation.ts'
import { readRulesFile } from '../../src/rules/rules-file.ts'

const rules = readRulesFile(
  `# Who may do what
groups:
  team: [ann, ben]
  ops:
    - ann
rules:
  - repositories: team/**
    read: users
    write: [carl, '@team']
    create: ann

  - { repositories: ['other/*', 'team/x'], write: '@ops' }
  - repositories: '**'
    read: anyone
`,
  'f',
)

test('an explanation names the rule and its line, the entries that count, and what is never reached', () => {
  const forAnn = explain(rules, 'team/x.git', 'ann')
  assert.deepEqual(forAnn.decidedBy, {
    number: 1,
    line: 7,
    pattern: 'team/**',
    rights: 'write',
    mayCreate: true,
    read: 'users',
    write: '@team',
    create: 'ann',
  })
  assert.deepEqual(
    forAnn.neverReached.map(({ line, pattern, rights }) => [line, pattern, rights]),
    [
      [12, 'team/x', 'write'],
      [13, '**', 'read'],
    ],
  )
  assert.deepEqual(forAnn.groups, ['team', 'ops'])
  const forAnyone = explain(rules, 'team/x', undefined)
  assert.equal(forAnyone.rights, 'none')
  assert.deepEqual(forAnyone.groups, [])
  assert.equal(explain(readRulesFile('rules: []', 'f'), 'x', 'ann').decidedBy, undefined)
})

test('an explanation says what the rules say, for everybody and everything', () => {
  for (const user of ['ann', 'ben', 'carl', 'eve', undefined]) {
    for (const repository of ['team', 'team/x', 'team/y/z', 'other/a', 'other/a/b', 'else']) {
      const { rights, mayCreate, decidedBy } = explain(rules, repository, user)
      assert.deepEqual({ rights, mayCreate }, rules.rightsOf(repository, user))
      if (decidedBy)
        assert.deepEqual({ rights, mayCreate }, { rights: decidedBy.rights, mayCreate: decidedBy.mayCreate })
    }
  }
})

test('the groups of a user, and the rules that name one, are found', () => {
  assert.deepEqual(groupsOf(rules, 'ben'), ['team'])
  assert.deepEqual(groupsOf(rules, 'eve'), [])
  const { names, rulesFor } = nameTableOf(rules)
  assert.deepEqual(names.toSorted(), ['ann', 'ben', 'carl'])
  const lines = (user: string) => rulesFor(user).map(({ line }) => line)
  assert.deepEqual(lines('ann'), [7, 12])
  assert.deepEqual(lines('carl'), [7])
  assert.deepEqual(lines('eve'), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reader } from '../../src/rules/parse-rules.ts'
import { readRulesFile } from '../../src/rules/rules-file.ts'
import { rightsOf } from '../../src/jwt/token-scopes.ts'

test('the first rule that fits decides, whatever later rules say', () => {
  const rules = readRulesFile(
    `
groups: { team: [ann, ben] }
rules:
  - { repositories: [team/secret, '*/hidden/**'], write: ann }
  - { repositories: team/*, read: '@team', write: [ben], create: [ann, ben] }
  - { repositories: open/**, read: anyone, write: users }
  - { repositories: none/** }
  - { repositories: '**', read: [carl] }
`,
    'f',
  )
  const none = { rights: 'none', mayCreate: false }
  const read = { rights: 'read', mayCreate: false }
  const write = { rights: 'write', mayCreate: false }
  for (const [repository, user, expected] of [
    ['team/secret', 'ann', write],
    ['team/secret', 'ben', none],
    ['a/hidden/b/c', 'ann', write],
    ['a/hidden/b/c', 'carl', none],
    // To create is to push, too, so a user who may only read creates nothing.
    ['team/x', 'ann', read],
    ['team/x', 'ben', { rights: 'write', mayCreate: true }],
    ['team/x', undefined, none],
    ['team/x', 'carl', none],
    ['Team/x', 'carl', read],
    ['team/x/y', 'ann', none],
    ['open/a/b', undefined, read],
    ['open/a/b', 'eve', write],
    ['none/a', 'carl', none],
    ['else', 'carl', read],
    ['else', 'Carl', none],
    ['.hidden/x', 'carl', read],
  ] as const) {
    assert.deepEqual(rules.rightsOf(repository, user), expected, `${repository} ${user}`)
  }
})

test('a rules file that is not right is refused in words that name the place', () => {
  for (const [text, problem] of [
    ['rules: [', /^Error: f is not valid YAML: /],
    ['rules: [{repositories: a, reed: b}]', /^Error: f: rules\.0: .*reed/],
    ['rules: [{read: b}]', /^Error: f: rules\.0\.repositories: /],
    ['rules: [{repositories: "**", read: "@team"}]', /^Error: f: there is no group of the name "team"$/],
    ['rules: [{repositories: "**", read: "@constructor"}]', /there is no group/],
    ['groups: {a: &x [b], c: *x}\nrules: []', /^Error: f: put "\*x" in quotes: YAML takes it for an alias \(line 1\)$/],
    ['rules:\n  - repositories: **\n    read: a', /^Error: f: put "\*\*" in quotes: .* \(line 2\)$/],
    ['rules:\n  - repositories: a\n    read: @b', /f is not valid YAML: .*; put the value in quotes \(line 3\)$/],
    [
      'rules:\n  - repositories: a\n    read: [1]',
      /^Error: f: rules\.0\.read: .* a list of names, in quotes .* \(line 3\)$/,
    ],
    ['rules:\n  - repositories: a\n    read:', /^Error: f: rules\.0\.read: here should be a name/],
    ['rules: []\n---\nrules: []', /f is not valid YAML: there is more than one document in it \(line 2\)$/],
    ['', /^Error: f: /],
    ['rules: []\nrules: []', /"rules" is there twice \(line 2\)/],
  ] as const) {
    assert.throws(() => readRulesFile(text, 'f'), problem, text)
  }
})

test('scopes add up; scopes of other services, and of invalid names, mean nothing', () => {
  const none = { rights: 'none', mayCreate: false }
  for (const [scope, repository, expected] of [
    ['repo:read', 'a/b', { rights: 'read', mayCreate: false }],
    ['openid repo:write:a/** repo:read', 'a/b', { rights: 'write', mayCreate: false }],
    ['repo:write:a/** repo:create:a/b', 'a/b', { rights: 'write', mayCreate: true }],
    ['repo:create', 'a/b', none],
    [['repo:read:a/b', 7, null], 'a/b', { rights: 'read', mayCreate: false }],
    ['repo:read:A/b', 'a/b', none],
    ['repo:readx repo:read: xrepo:read', 'a/b', none],
    [`${'x '.repeat(200)}repo:read`, 'a/b', none],
    [undefined, 'a/b', none],
    [{ 0: 'repo:read' }, 'a/b', none],
  ] as const) {
    assert.deepEqual(rightsOf(scope, repository), expected, JSON.stringify([scope, repository]))
  }
})

test('a pattern that could never fit is refused with the one that was meant', () => {
  for (const [pattern, says] of [
    [
      'team/web.git',
      /^f: rules\.1\.repositories.*"team\/web\.git": .* no \.git at their end.*: write team\/web \(line 1\)$/,
    ],
    ['/team/**', /write team\/\*\* \(line 1\)$/],
  ] as const) {
    const text = `rules: [{ repositories: '**', read: anyone }, { repositories: [${JSON.stringify(pattern)}], read: ann }]`
    assert.throws(() => readRulesFile(text, 'f'), { message: says })
  }
})

test('large groups come one at a time from where a long file is read, and many small ones together', () => {
  const members = Array.from({ length: 2000 }, (_, number) => `user${number}`).join(', ')
  const groups = (count: number, list: string) =>
    `groups:\n${Array.from({ length: count }, (_, number) => `  g${number}: [${list}]\n`).join('')}rules: []\n`
  const sizes = (text: string) => Array.from(reader.pieces(text, 'f'), (batch) => batch.length)
  assert.deepEqual(sizes(groups(3, members)), [1, 1, 1])
  assert.deepEqual(sizes(groups(600, 'ann')), [500, 100])
})

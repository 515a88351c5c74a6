import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookUpBy, parsePatternTable } from '../../src/git/repository-pattern.ts'
import { plainName } from '../../src/git/repository-name.ts'

const read = (text: string) => parsePatternTable(text, (value) => (/^\d+$/.test(value) ? Number(value) : undefined))

function parse(text: string) {
  const table = read(text)
  assert.ok(table && !('problem' in table), text)
  return table
}

test('the first pattern that fits decides', () => {
  const look = lookUpBy(parse('big/**=3, */web=2, **=1'))
  assert.equal(look('big/one.git'), 3)
  assert.equal(look('big/one/two.git'), 3)
  assert.equal(look('team/web'), 2)
  assert.equal(look('a/team/web'), 1)
  assert.equal(look('other'), 1)
})

test('a repository that no pattern fits has no value', () => {
  const look = lookUpBy(parse('team/*=1'))
  assert.equal(look('team'), undefined)
  assert.equal(look('team/a/b'), undefined)
  assert.equal(look('Team/a'), undefined)
})

test('however a repository is addressed, the same rule applies', () => {
  const look = lookUpBy(parse('team/web=1'))
  for (const name of ['team/web', 'team/web.git', 'team/web/.git', 'team/web.git/.git', 'team/web.GIT']) {
    assert.equal(look(name), 1, name)
    assert.equal(plainName(name), 'team/web')
  }
})

test('a name that starts with a dot is no way around a pattern', () => {
  assert.equal(lookUpBy(parse('**=1'))('.hidden/.repository.git'), 1)
})

test('a malformed table is refused', () => {
  for (const text of ['', '=1', 'a', 'a=', 'a=x', 'a=1,,b=2', 'a=1=2', 'a b=1'])
    assert.equal(read(text), undefined, text)
})

test('a pattern that could never fit is refused in words', () => {
  for (const [pattern, says] of [
    ['team/web.git', /have no \.git at their end.*: write team\/web$/],
    ['*.GIT', /write \*$/],
    ['team/**/.git', /write team\/\*\*$/],
    ['a\\.git', /write a$/],
    ['.git', /fits nothing$/],
    ['/team/web', /no name has a slash at its beginning.*: write team\/web$/],
    ['team/', /write team$/],
    ['a//b', /write a\/b$/],
  ] as const) {
    const table = read(`**=2,${pattern}=1`)
    assert.ok(table && 'problem' in table, pattern)
    assert.match(table.problem, says, pattern)
  }
  for (const pattern of ['team/web', '*.gitlab', 'team.git/web', './team', '**', 'git', 'x.gi[t]'])
    parse(`${pattern}=1`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookUpBy, parsePatternTable } from '../../src/git/repository-pattern.ts'
import { plainName } from '../../src/git/repository-name.ts'

const parse = (text: string) => parsePatternTable(text, (value) => (/^\d+$/.test(value) ? Number(value) : undefined))

test('the first pattern that fits decides', () => {
  const look = lookUpBy(parse('big/**=3, */web=2, **=1')!)
  assert.equal(look('big/one.git'), 3)
  assert.equal(look('big/one/two.git'), 3)
  assert.equal(look('team/web'), 2)
  assert.equal(look('a/team/web'), 1)
  assert.equal(look('other'), 1)
})

test('a repository that no pattern fits has no value', () => {
  const look = lookUpBy(parse('team/*=1')!)
  assert.equal(look('team'), undefined)
  assert.equal(look('team/a/b'), undefined)
  assert.equal(look('Team/a'), undefined)
})

test('however a repository is addressed, the same rule applies', () => {
  const look = lookUpBy(parse('team/web=1')!)
  for (const name of ['team/web', 'team/web.git', 'team/web/.git', 'team/web.git/.git', 'team/web.GIT']) {
    assert.equal(look(name), 1, name)
    assert.equal(plainName(name), 'team/web')
  }
})

test('a name that starts with a dot is no way around a pattern', () => {
  assert.equal(lookUpBy(parse('**=1')!)('.hidden/.repository.git'), 1)
})

test('a malformed table is refused', () => {
  for (const text of ['', '=1', 'a', 'a=', 'a=x', 'a=1,,b=2', 'a=1=2', 'a b=1'])
    assert.equal(parse(text), undefined, text)
})

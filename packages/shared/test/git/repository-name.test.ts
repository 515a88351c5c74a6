import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../src/refusal/refusal.ts'
import { checkRepositoryName } from '../../src/git/repository-name.ts'

function reasonOf(name: string): string {
  try {
    checkRepositoryName(name)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.reason : String(error)
  }
}

test('ordinary names are accepted', () => {
  for (const name of [
    'a',
    'a.git',
    'team/project.git',
    'a b',
    '日本',
    'a/.git',
    '.git',
    '.hidden',
    'a-',
    'a..b',
    '...',
    '~x',
  ]) {
    assert.equal(reasonOf(name), 'accepted', name)
  }
})

test('names that could lead elsewhere are refused', () => {
  const names = [
    '',
    '/',
    'a//b',
    '/a',
    'a/',
    '.',
    '..',
    'a/..',
    '../a',
    '-a',
    'a/-b',
    'a.lock',
    'a.LOCK/b',
    'a\\b',
    '.git/a',
    '.GIT/a',
  ]
  for (const name of names) assert.equal(reasonOf(name), 'bad_name', name)
})

test('control characters are refused, those beyond ASCII too', () => {
  for (const name of ['a\0', 'a\nb', '\x7f', '\x85', 'a\tb'])
    assert.equal(reasonOf(name), 'bad_address', JSON.stringify(name))
})

test('lengths count in bytes', () => {
  assert.equal(reasonOf('é'.repeat(120)), 'accepted')
  assert.equal(reasonOf('é'.repeat(121)), 'name_too_long')
  const parts = (count: number) => Array.from({ length: count }, () => 'x'.repeat(99)).join('/')
  assert.equal(reasonOf(parts(40)), 'accepted')
  assert.equal(reasonOf(parts(41)), 'name_too_long')
})

test('a name has a bounded number of parts, because each is a folder to look at', () => {
  const deep = (count: number) => Array.from({ length: count }, () => 'a').join('/')
  assert.equal(reasonOf(deep(64)), 'accepted')
  assert.equal(reasonOf(deep(65)), 'name_too_long')
  assert.equal(reasonOf(deep(1900)), 'name_too_long')
})

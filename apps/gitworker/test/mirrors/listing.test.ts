import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectRefs } from '@sluice/shared/config/mirrors/ref-selection'
import { differencesOf, ListingReader } from '../../src/mirrors/run/listing.ts'
import { MirrorError } from '../../src/mirrors/run/mirror-error.ts'

const [a, b] = ['a'.repeat(40), 'b'.repeat(40)]

function read(text: string, pieces = 7, words = ['heads', 'tags']) {
  const reader = new ListingReader(selectRefs(words))
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += pieces) reader.read(bytes.subarray(at, at + pieces))
  return reader.end()
}

test('a listing has the chosen references and HEAD, wherever it is cut', () => {
  const text = `ref: refs/heads/main\tHEAD\n${a}\tHEAD\n${a}\trefs/heads/main\n${b}\trefs/tags/v\n${a}\trefs/tags/v^{}\n${b}\trefs/pull/1/head\n`
  for (const pieces of [1, 7, 1000]) {
    const { references, head, format, leftOut } = read(text, pieces)
    assert.deepEqual(
      [...references],
      [
        ['refs/heads/main', a],
        ['refs/tags/v', b],
      ],
    )
    assert.deepEqual([head, format, leftOut], ['refs/heads/main', 'sha1', 1])
  }
  assert.equal(read(text, 1).digest, read(text).digest)
  assert.notEqual(read(text).digest, read(text.replace('ref: refs/heads/main', 'ref: refs/heads/x')).digest)
})

test('names that git does not take, and a HEAD that leads out of branches, are left out', () => {
  const names = ['refs/heads/../x', 'refs/heads/a.lock', 'refs/heads/a b', 'HEAD', 'config', 'refs/heads/\x1b[2J']
  assert.equal(read(names.map((name) => `${a}\t${name}\n`).join(''), 1000, ['all']).references.size, 0)
  assert.equal(read('ref: refs/tags/v\tHEAD\n').head, undefined)
  assert.equal(read('ref: ../../config\tHEAD\n').head, undefined)
})

test('a line without end is refused', () => {
  assert.throws(() => read('x'.repeat(20_000), 1000), MirrorError)
})

test('differences name what is new, changed and gone', () => {
  const found = differencesOf(
    new Map([
      ['x', a],
      ['y', a],
      ['z', a],
    ]),
    new Map([
      ['x', a],
      ['y', b],
      ['n', b],
    ]),
  )
  const zeros = '0'.repeat(40)
  assert.deepEqual(found, [
    { ref: 'y', old: a, new: b },
    { ref: 'n', old: zeros, new: b },
    { ref: 'z', old: a, new: zeros },
  ])
})

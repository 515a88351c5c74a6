import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashOf, scoreOf } from '../../src/placement/rendezvous.ts'

const names = Array.from({ length: 5 }, (_, index) => `host-${index + 1}`)
const sources = Array.from({ length: 4000 }, (_, index) =>
  hashOf(`user ann${index >> 8}`, hashOf(`192.0.2.${index & 255}`)),
)

function choose(source: number, from: readonly string[]): string {
  return from.toSorted((one, other) => scoreOf(source, hashOf(other)) - scoreOf(source, hashOf(one)))[0]!
}

test('sources are shared out evenly', () => {
  const counts = Map.groupBy(sources, (source) => choose(source, names))
  for (const name of names) {
    const count = counts.get(name)?.length ?? 0
    assert.ok(count > 650 && count < 950, `${name}: ${count} of 4000`)
  }
})

test('where a host goes, only its own sources move', () => {
  for (const source of sources) {
    const before = choose(source, names)
    const after = choose(source, names.slice(1))
    assert.equal(after, before === names[0] ? after : before)
  }
})

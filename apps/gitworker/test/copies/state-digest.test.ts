import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StateDigest } from '../../src/copies/state/state-digest.ts'
import type { RefChange } from '../../src/copies/state/state-digest.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

function wholeOf(refs: ReadonlyMap<string, string>): string {
  const digest = new StateDigest()
  for (const [ref, value] of refs) digest.add(ref, value)
  return digest.toString()
}

test('the digest after random changes is that of a reading of everything, whatever their order', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed)
    const below = (limit: number) => random.below(limit)
    const anyId = () =>
      below(2 ** 31)
        .toString(16)
        .padStart(40, '0')
    const names = ['HEAD', ...Array.from({ length: 20 }, (_, index) => `refs/heads/b${index}`), 'refs/heads/\xff']
    const refs = new Map<string, string>()
    let known = new StateDigest().toString()
    for (let push = 0; push < 40; push++) {
      const before = new Map(refs)
      for (let command = below(4); command >= 0; command--) {
        const ref = names[below(names.length)]!
        if (below(3) === 0) refs.delete(ref)
        else refs.set(ref, below(5) === 0 ? `ref: ${names[below(names.length)]}` : anyId())
      }
      const changes: RefChange[] = names.map((ref) => ({ ref, old: before.get(ref), new: refs.get(ref) }))
      const digest = StateDigest.parse(known).change(changes)
      assert.equal(digest.toString(), StateDigest.parse(known).change(changes.toReversed()).toString())
      known = digest.toString()
      assert.equal(known, wholeOf(refs), `seed ${seed}, push ${push}`)
    }
  }
})

test('states that differ in one thing have different digests', () => {
  const id = '1'.repeat(40)
  const states = [
    new Map([['refs/heads/a', id]]),
    new Map([['refs/heads/b', id]]),
    new Map([['refs/heads/a', `ref: ${id}`]]),
    new Map([['refs/heads/a', '2'.repeat(40)]]),
    new Map([
      ['refs/heads/a', id],
      ['refs/heads/b', id],
    ]),
    new Map<string, string>(),
  ]
  assert.equal(new Set(states.map(wholeOf)).size, states.length)
  assert.match(wholeOf(states[0]!), /^[0-9a-f]{64}$/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deletedRefs, refChanges, unprovenRefs } from '../../src/push/ref-changes.ts'
import type { KnownOfPush } from '../../src/push/ref-changes.ts'

const [zeros, one, two] = ['0', '1', '2'].map((digit) => digit.repeat(40)) as [string, string, string]
const command = (ref: string, oldId = one, newId = two) => ({ ref, oldId, newId })
const result = (ref: string, why?: string, instead = {}) => ({ ref, why, instead })

function known(more: Partial<KnownOfPush>): KnownOfPush {
  const nothing: KnownOfPush = {
    push: { commands: [] },
    reported: { results: [], count: 0 },
    before: new Map(),
    after: new Map(),
    mayBeHooksWord: false,
  }
  return { ...nothing, ...more }
}

test('a report that was cut short leaves the rest unknown, with what there is', () => {
  const push = { commands: ['a', 'b', 'c'].map((ref) => command(ref)) }
  const reported = { results: [result('a'), result('b', 'no')], count: 2 }
  assert.deepEqual(unprovenRefs({ push, reported, mayBeHooksWord: false }), ['c'])
  const after = new Map([['c', undefined]])
  assert.deepEqual(refChanges(known({ push, reported, after })).refs, [
    { ref: 'a', old: one, new: two, result: 'ok' },
    { ref: 'b', old: one, new: two, result: 'rejected', why: 'no' },
    { ref: 'c', old: one, new: two, result: 'unknown', now: zeros },
  ])
  assert.equal('now' in (refChanges(known({ push, reported })).refs[2] ?? {}), false)
})

test('the old id of a deletion is the one that was looked up', () => {
  const commands = [command('a', one, zeros), command('b', two, zeros), command('c', zeros, zeros)]
  assert.deepEqual(deletedRefs(commands), ['a', 'b', 'c'])
  const reported = { results: [result('a'), result('b'), result('c')], count: 3 }
  const before = new Map([
    ['a', two],
    ['b', undefined],
    ['c', one],
  ])
  const { refs } = refChanges(known({ push: { commands }, reported, before }))
  assert.deepEqual(
    refs.map(({ old, said }) => [old, said]),
    [
      [two, one],
      [zeros, two],
      [one, undefined],
    ],
  )
})

test('two commands for one reference have each their own ids', () => {
  const push = { commands: [command('a', one, two), command('a', two, one)] }
  const reported = { results: [result('a', 'multiple updates'), result('a', 'multiple updates')], count: 2 }
  assert.deepEqual(
    refChanges(known({ push, reported })).refs.map((change) => change.new),
    [two, one],
  )
})

test('the old id of a reference that is deleted twice is what it became in between', () => {
  const commands = [command('a', one, zeros), command('a', zeros, two), command('a', one, zeros)]
  const reported = { results: [result('a'), result('a'), result('a')], count: 3 }
  const { refs } = refChanges(known({ push: { commands }, reported, before: new Map([['a', one]]) }))
  assert.deepEqual(
    refs.map((change) => [change.old, change.new]),
    [
      [one, zeros],
      [zeros, two],
      [two, zeros],
    ],
  )
})

test('a name with spaces, which git refuses, is not taken for the name of another reference', () => {
  const refs = ['refs/x y', 'refs/x', 'refs/x failed', `refs/long ${'z'.repeat(300)}`]
  const push = { commands: refs.map((ref) => command(ref)) }
  const results = [
    result('refs/x', 'y funny refname'),
    result('refs/x', 'failed to update ref'),
    result('refs/x', 'failed funny refname'),
    result('refs/long', 'z'.repeat(256)),
  ]
  const given = { push, reported: { results, count: 4 }, mayBeHooksWord: false }
  assert.deepEqual(unprovenRefs(given), [])
  assert.deepEqual(
    refChanges(known(given)).refs.map(({ ref, why }) => [ref, why]),
    [
      [refs[0], 'funny refname'],
      [refs[1], 'failed to update ref'],
      [refs[2], 'funny refname'],
      [refs[3], ''],
    ],
  )
})

test('what was reported and not read as a command has no ids; what is left out is counted', () => {
  const results = Array.from({ length: 100 }, (_, index) => result(`refs/${index}`))
  const { refs, more } = refChanges(known({ reported: { results, count: 250 } }))
  assert.equal(refs.length, 100)
  assert.equal(more, 150)
  assert.deepEqual(refs[0], { ref: 'refs/0', result: 'ok' })
  const commands = Array.from({ length: 120 }, (_, index) => command(`refs/${index}`))
  assert.equal(refChanges(known({ push: { commands } })).more, 20)
})

test('a hook’s word counts where the reference proves it', () => {
  const push = { commands: [command('for/a', zeros), command('for/b', zeros)] }
  const results = [
    result('for/a', undefined, { ref: 'x', newId: one }),
    result('for/a', undefined, { ref: 'y', oldId: one }),
    result('for/b'),
  ]
  const given = { push, reported: { results, count: 3 }, mayBeHooksWord: true }
  assert.deepEqual(unprovenRefs(given), ['x', 'y', 'for/b'])
  const after = new Map([
    ['x', one],
    ['y', one],
    ['for/b', undefined],
  ])
  assert.deepEqual(refChanges(known({ ...given, after })).refs, [
    { ref: 'x', asked: 'for/a', new: one, result: 'ok' },
    { ref: 'y', asked: 'for/a', old: one, new: two, result: 'unknown', now: one },
    { ref: 'for/b', old: zeros, new: two, result: 'unknown', now: zeros },
  ])
})

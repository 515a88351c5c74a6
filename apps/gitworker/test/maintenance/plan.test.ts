import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PackLook, RepositoryLook } from '../../src/maintenance/look.ts'
import { planFor } from '../../src/maintenance/plan.ts'

const day = 24 * 60 * 60_000
const now = 100 * day
const abilities = { grace: 14 * day, cruftPacks: true, isPrecious: false, packsRefs: true, bigPackBytes: undefined }

const tidy: RepositoryLook = {
  packs: [pack(100 * 2 ** 20)],
  hasStrayPack: false,
  looseObjects: 0,
  looseBytes: 0,
  looseRefs: 0,
  hasBitmap: true,
  hasReflogs: false,
  hasReftable: false,
  borrows: false,
  isPartial: false,
}

function pack(bytes: number, more: Partial<PackLook> = {}): PackLook {
  return { name: 'pack-1', bytes, changedAt: now - day, isKept: false, isCruft: false, ...more }
}

function kinds(look: Partial<RepositoryLook>, able = abilities): string[] {
  return planFor({ ...tidy, ...look }, able, now).map(({ kind }) => kind)
}

test('a repository in shape needs nothing, and neither does an empty one', () => {
  assert.deepEqual(kinds({}), [])
  assert.deepEqual(kinds({ packs: [], hasBitmap: false }), [])
  assert.deepEqual(kinds({ packs: [pack(2 ** 20)], hasBitmap: false, looseObjects: 100 }), [])
})

test('what is small beside the largest pack is joined without reading that one', () => {
  assert.deepEqual(kinds({ looseObjects: 600, looseBytes: 2 ** 20 }), ['repack-geometric', 'commit-graph'])
  const many = Array.from({ length: 20 }, () => pack(2 ** 16))
  assert.deepEqual(kinds({ packs: [...tidy.packs, ...many] }), ['repack-geometric', 'commit-graph'])
})

test('everything goes into one pack where that is little work, or much has come', () => {
  assert.deepEqual(kinds({ packs: [pack(2 ** 20)], looseObjects: 600 }), ['repack-all', 'commit-graph'])
  const much = { looseObjects: 600, looseBytes: 30 * 2 ** 20 }
  assert.deepEqual(kinds(much), ['repack-all', 'commit-graph'])
  assert.deepEqual(kinds({ hasBitmap: false }), ['repack-all', 'commit-graph'])
})

test('a repository that borrows objects gets no bitmap, and is no reason to write one again and again', () => {
  assert.deepEqual(kinds({ borrows: true, hasBitmap: false }), [])
  const [repack] = planFor({ ...tidy, borrows: true, looseObjects: 600 }, abilities, now)
  assert.deepEqual(repack, { kind: 'repack-all', expiresBefore: now - 14 * day, cruft: true, bitmap: false, keeps: [] })
})

test('what nothing needs goes when its grace is over, and never where it is kept for ever', () => {
  const old = [...tidy.packs, pack(2 ** 20, { isCruft: true, changedAt: now - 15 * day })]
  assert.deepEqual(kinds({ packs: old }), ['repack-all', 'commit-graph'])
  assert.deepEqual(kinds({ packs: old }, { ...abilities, grace: undefined as never }), [])
  const young = [...tidy.packs, pack(2 ** 20, { isCruft: true, changedAt: now - 13 * day })]
  assert.deepEqual(kinds({ packs: young }), [])
})

test('a pack that somebody keeps is left out, and where no object may go, packs are joined so that none does', () => {
  const kept = Array.from({ length: 50 }, () => pack(2 ** 20, { isKept: true }))
  assert.deepEqual(kinds({ packs: [...tidy.packs, ...kept] }), [])
  assert.deepEqual(kinds({ looseObjects: 5000, looseRefs: 500 }, { ...abilities, isPrecious: true }), [
    'pack-refs',
    'join-packs',
    'commit-graph',
  ])
})

test('loose references are packed by themselves; reflogs are looked after with a whole repack', () => {
  assert.deepEqual(kinds({ looseRefs: 500 }), ['pack-refs'])
  const all = { packs: [pack(2 ** 20)], looseObjects: 600, hasReflogs: true }
  assert.deepEqual(kinds(all), ['expire-reflogs', 'repack-all', 'commit-graph'])
})

test('where git cannot write a cruft pack, nothing expires, and unreachable objects stay in the pack', () => {
  const old = [pack(2 ** 20, { isCruft: true, changedAt: 0 }), ...tidy.packs]
  for (const [able, look] of [
    [{ ...abilities, cruftPacks: false }, tidy],
    [abilities, { ...tidy, hasStrayPack: true }],
  ] as const) {
    assert.deepEqual(planFor({ ...look, packs: old }, able, now), [])
    const [repack] = planFor({ ...look, packs: old, looseObjects: 600, looseBytes: 2 ** 30 }, able, now)
    assert.deepEqual(repack, { kind: 'repack-all', expiresBefore: undefined, cruft: false, bitmap: true, keeps: [] })
  }
})

test('packs that the repository calls big stay as they are, unless there are too many', () => {
  const many = Array.from({ length: 20 }, (_, index) => pack(70 * 2 ** 20, { name: `pack-${index}` }))
  assert.deepEqual(planFor({ ...tidy, packs: many }, { ...abilities, bigPackBytes: 70 * 2 ** 20 }, now), [])
  const small = [pack(100 * 2 ** 20, { name: 'pack-big' }), ...many]
  const able = { ...abilities, bigPackBytes: 100 * 2 ** 20 }
  const [repack] = planFor({ ...tidy, packs: small }, able, now)
  assert.ok(repack?.kind === 'repack-all')
  assert.deepEqual(repack.keeps, ['pack-big'])
  const [join] = planFor({ ...tidy, packs: [pack(99 * 2 ** 20), ...small.slice(0, 1)], looseObjects: 600 }, able, now)
  assert.deepEqual(join, { kind: 'repack-geometric', keeps: ['pack-big'] })
  const [all] = planFor({ ...tidy, packs: Array.from({ length: 50 }, () => pack(100 * 2 ** 20)) }, able, now)
  assert.deepEqual(all?.kind === 'repack-all' && all.keeps, [])
})

test('references are not packed where the repository forbids it', () => {
  assert.deepEqual(kinds({ looseRefs: 1000 }), ['pack-refs'])
  assert.deepEqual(kinds({ looseRefs: 1000 }, { ...abilities, packsRefs: false }), [])
})

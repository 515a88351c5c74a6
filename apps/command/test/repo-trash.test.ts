import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Trashed, TrashList } from '@sluice/gitworker/administration/trash/list-trash'
import { screenOf } from '../src/output/report.ts'
import { findTrashed, onlyElsewhere, toRestore } from '../src/repo/trash/find-trashed.ts'
import { isGoneEverywhere, purgedText } from '../src/repo/trash/purged-text.ts'
import { trashText } from '../src/repo/trash/trash-text.ts'

const screen = screenOf({ write: () => true })

function trashed(id: string, repository: string, more: Partial<Trashed> = {}): Trashed {
  const times = { deletedAt: '2026-11-26T10:00:00.000Z', keptUntil: '2026-12-03T10:00:00.000Z' }
  return { id, repository, ...times, isDropped: false, isHere: true, elsewhere: [], ...more }
}

const listed = (...trash: Trashed[]): TrashList => ({ trash, unasked: [] })

test('the trash says on which hosts a repository lies, and which hosts were not heard', () => {
  assert.doesNotMatch(trashText(listed(trashed('X', 'team/app')), screen), /ON|this host/i)
  const list = listed(
    trashed('X', 'team/app', { elsewhere: ['two'] }),
    trashed('Y', 'old', { isHere: false, elsewhere: ['two', 'three'], keptUntil: null }),
    trashed('D', 'moved', { isDropped: true, isHere: false, elsewhere: ['three'] }),
  )
  const said = trashText({ ...list, unasked: [{ host: 'four', why: 'It is not up.' }] }, screen)
  assert.match(said, /X +team\/app .* this host, two\n/)
  assert.match(said, /Y +old .* for ever +two, three\n/)
  assert.match(said, /there is one copy of a repository that other hosts keep now/)
  assert.match(said, /not heard, and may have more: four \(It is not up\.\)/)
  assert.doesNotMatch(said, /\bD\b/)
})

test('a repository in the trash is found by its name or id, wherever it is', () => {
  const one = trashed('X', 'team/app', { isHere: false, elsewhere: ['two'] })
  const dropped = trashed('D', 'team/app', { isDropped: true, isHere: false, elsewhere: ['three'] })
  for (const wanted of ['X', 'team/app', 'team/app.git'])
    assert.equal(findTrashed(listed(one, dropped), wanted).id, 'X')
  assert.equal(findTrashed(listed(one, dropped), 'D').id, 'D')
  assert.throws(() => findTrashed(listed(one, trashed('Y', 'team/app')), 'team/app'), /Say which by its id: X, Y/)
  assert.throws(() => findTrashed(listed(dropped), 'team/app'), /The trash has no team\/app.*"sluice repo purge D"/)
  assert.throws(() => findTrashed({ trash: [], unasked: null }, 'x'), /has no x.*other hosts of its cluster were not/)
  assert.equal(toRestore(listed(one, { ...dropped, isHere: true, elsewhere: [] }), 'team/app').id, 'X')
  assert.match(onlyElsewhere(one), /^team\/app is in the trash of two, and not .* on two push to it: .*push --mirror/)
  assert.equal(toRestore(listed(one, trashed('Y', 'team/app')), 'team/app').id, 'Y')
})

test('what was renamed is named as such, and is restored by its id only', () => {
  const renamed = trashed('X', 'team/app', { renamedTo: { name: 'team/web', host: 'two' } })
  const said = trashText(listed(renamed), screen)
  assert.match(said, /X is what team\/app was before it was renamed: it is team\/web on the host two now\./)
  assert.throws(
    () => toRestore(listed(renamed), 'team/app.git'),
    /was not deleted: it was renamed to team\/web, which is on the host two\..*sluice repo rename team\/web team\/app\..*restore X$/,
  )
  assert.equal(toRestore(listed(renamed), 'X').id, 'X')
  assert.equal(toRestore(listed(renamed, trashed('Y', 'team/app')), 'team/app').id, 'Y')
  assert.equal(findTrashed(listed(renamed), 'team/app').id, 'X')
})

test('a purge says whether it is gone everywhere, and what to do if it is not', () => {
  const purged = { purged: 'team/app', id: 'X', isRemovedHere: true }
  assert.equal(purgedText(purged, null), 'Removed team/app for good.')
  assert.ok(isGoneEverywhere(purged))
  const all = { ...purged, elsewhere: { removedFrom: ['two', 'three'], left: [] } }
  assert.match(purgedText(all, null), /for good, from this host, two and three\./)
  assert.ok(isGoneEverywhere(all))
  const some = { ...purged, elsewhere: { removedFrom: [], left: [{ host: 'two', why: 'It is not up.' }] } }
  const said = purgedText(some, '2026-12-03T10:00:00.000Z')
  assert.match(
    said,
    /^team\/app is not gone everywhere\. It was removed from this host\. Not from:\n {2}two: It is not up\.\n/,
  )
  assert.match(said, /Say "sluice repo purge X" again.*it is 2026-12-03/)
  assert.match(purgedText(some, null), /never goes there \(SLUICE_TRASH_TIME=off\)/)
  assert.ok(!isGoneEverywhere(some))
  const stopped = { ...purged, elsewhere: 'unasked' } as const
  assert.match(purgedText(stopped, null), /from the trash of this host\. This host is stopped/)
  assert.ok(!isGoneEverywhere(stopped))
})

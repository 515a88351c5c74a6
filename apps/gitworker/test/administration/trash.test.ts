import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { purgeDue } from '../../src/administration/change/trashed-repository.ts'
import { MoveNotes } from '../../src/administration/move/move-notes.ts'
import { changedNames } from '../../src/administration/operation/changed-names.ts'
import { Turns } from '../../src/administration/operation/turns.ts'
import { Trash } from '../../src/administration/trash/trash.ts'
import type { TrashEntry } from '../../src/administration/trash/trash-note.ts'
import { asUser } from '../support/as-user.ts'

async function thrownAway(root: string, name: string, trash: Trash): Promise<TrashEntry> {
  const folder = join(root, `${name}.git`)
  await git(root, ['init', '--quiet', '--bare', folder])
  const entry = trash.prepare(name, { absolute: folder, relative: `${name}.git` }, '')
  renameSync(folder, entry.path)
  return entry
}

test('only what the trash has taken in itself is listed, and removed when its time is over', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const trash = new Trash(root, 1000)
  const mine = await thrownAway(root, 'mine', trash)
  const replaced = await thrownAway(root, 'replaced', trash)
  // Somebody has put another repository there: a copy has the same files, and is not the same folder.
  await cp(replaced.path, `${replaced.path}.copy`, { recursive: true })
  await rm(replaced.path, { recursive: true })
  renameSync(`${replaced.path}.copy`, replaced.path)
  const place = join(root, '.sluice-trash.lock')
  mkdirSync(join(place, 'operators'))
  writeFileSync(join(place, 'operators/note.json'), JSON.stringify({ ...mine, id: 'operators' }))
  assert.deepEqual(
    (await trash.list()).map(({ id }) => id),
    [mine.id],
  )
  const until = Date.parse(mine.keptUntil!)
  assert.equal(until - Date.parse(mine.deletedAt), 1000)
  assert.deepEqual(await trash.due(until - 1), [])
  assert.deepEqual(
    (await trash.due(until)).map(({ id }) => id),
    [mine.id],
  )
  for (const id of ['operators', '..', '../mine.git', replaced.id, '']) {
    assert.throws(() => trash.find(id), { reason: 'trash_missing' }, id)
  }
  await trash.purge(mine.id)
  assert.deepEqual((await readdir(place)).toSorted(), [replaced.id, 'operators'].toSorted())
})

test('what is due goes, unless somebody borrows from it', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const trash = new Trash(root, 0)
  const lender = await thrownAway(root, 'lender', trash)
  const other = await thrownAway(root, 'other', trash)
  await git(root, ['init', '--quiet', '--bare', 'borrower.git'])
  writeFileSync(join(root, 'borrower.git/objects/info/alternates'), `${lender.path}/objects\n`)
  const removed: string[] = []
  const notes = await MoveNotes.open(join(root, 'notes'), silentLog)
  const services = { root, turns: new Turns(), trash, notes }
  const purge = (signal: AbortSignal) => purgeDue(services, signal, ({ id }) => removed.push(id), assert.fail)
  await purge(AbortSignal.abort())
  assert.deepEqual(removed, [])
  await purge(new AbortController().signal)
  assert.deepEqual(removed, [other.id])
  await rm(join(root, 'borrower.git'), { recursive: true })
  await purge(new AbortController().signal)
  assert.deepEqual(removed, [other.id, lender.id])
})

test('what is kept until it is purged is never due', async () => {
  await using folder = await temporaryFolder()
  const trash = new Trash(folder.path, undefined)
  const { keptUntil } = await thrownAway(folder.path, 'kept', trash)
  assert.equal(keptUntil, null)
  assert.deepEqual(await trash.due(Number.MAX_SAFE_INTEGER), [])
})

test('what a killed process has left is tidied up, and nothing else', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const trash = new Trash(root, 1000)
  const kept = await thrownAway(root, 'kept', trash)
  const halfRemoved = await thrownAway(root, 'half-removed', trash)
  const place = join(root, '.sluice-trash.lock')
  renameSync(join(place, halfRemoved.id), join(place, `${halfRemoved.id}.gone`))
  await git(root, ['init', '--quiet', '--bare', 'never-moved.git'])
  trash.prepare('never-moved', { absolute: join(root, 'never-moved.git'), relative: 'never-moved.git' }, '')
  mkdirSync(join(place, 'operators.gone'))
  await trash.tidy()
  await trash.removeGone(assert.ifError)
  assert.deepEqual((await readdir(place)).toSorted(), [kept.id, 'operators.gone'].toSorted())
  assert.ok(existsSync(join(root, 'never-moved.git/HEAD')))
})

test('what a purged repository has elsewhere is removed first, again and again until it is', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const discarded: string[] = []
  let isAway = true
  const trash = new Trash(root, 1000, undefined, async ({ repository, gitDir }) => {
    assert.ok(existsSync(join(gitDir, 'HEAD')), 'the repository is still there')
    discarded.push(repository)
    if (isAway) throw new Error('away')
  })
  const { id } = await thrownAway(root, 'app', trash)
  await assert.rejects(trash.purge(id), /away/)
  assert.deepEqual(await trash.list(), [], 'it cannot be restored')
  const failed: string[] = []
  await trash.removeGone((path) => failed.push(path))
  assert.equal(failed.length, 1)
  isAway = false
  await trash.removeGone(assert.ifError)
  assert.deepEqual(discarded, ['app', 'app', 'app'])
  assert.ok(!existsSync(join(root, '.sluice-trash.lock')))
})

test('what cannot be looked at is not said to be gone', async () => {
  await using folder = await temporaryFolder()
  const trash = new Trash(folder.path, 1000)
  const { id } = await thrownAway(folder.path, 'mine', trash)
  assert.equal(trash.has(id, 'mine'), true)
  const entry = join(folder.path, '.sluice-trash.lock', id)
  chmodSync(entry, 0)
  {
    using _user = asUser()
    assert.throws(() => trash.has(id, 'mine'), { reason: 'repository_unreadable' })
  }
  chmodSync(entry, 0o700)
  await rm(entry, { recursive: true })
  assert.equal(trash.has(id, 'mine'), false)
})

test('where other hosts use the same root, each sees to the entries of its own repositories only', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  let isPrimary = true
  const trash = new Trash(root, 1000, (repository) => isPrimary && repository.startsWith('mine'))
  const [mine, other] = [await thrownAway(root, 'mine', trash), await thrownAway(root, 'other', trash)]
  const prepared = Object.fromEntries(
    ['mine-empty', 'other-empty', 'unread'].map((name) => {
      mkdirSync(join(root, `${name}.git`))
      return [name, trash.prepare(name, { absolute: join(root, `${name}.git`), relative: `${name}.git` }, '').id]
    }),
  )
  const place = join(root, '.sluice-trash.lock')
  writeFileSync(join(place, prepared['unread']!, 'note.json'), '{')
  const ids = [mine.id, other.id, ...Object.values(prepared)]
  const dueIds = async () => (await trash.due(Date.now() + 2000)).map(({ id }) => id)
  // All hosts show all of it.
  assert.equal((await trash.list()).length, 2)
  isPrimary = false
  assert.deepEqual(await dueIds(), [])
  await trash.tidy()
  assert.deepEqual((await readdir(place)).toSorted(), ids.toSorted())
  isPrimary = true
  assert.deepEqual(await dueIds(), [mine.id])
  await trash.tidy()
  // Another host may be about to move a repository into the others, and to write the note.
  assert.deepEqual((await readdir(place)).toSorted(), ids.filter((id) => id !== prepared['mine-empty']).toSorted())
})

test('the names that an operation changes must be this host’s; with one folder, a name to be taken need not', async () => {
  await using folder = await temporaryFolder()
  const trash = new Trash(folder.path, 1000)
  const { id } = await thrownAway(folder.path, 'gone', trash)
  const trashed = (entry: string) => trash.find(entry)
  const rename = { kind: 'rename', repository: 'one', to: 'two' } as const
  assert.deepEqual(changedNames(rename, trashed, false), ['one', 'two'])
  assert.deepEqual(changedNames(rename, trashed, true), ['one'])
  for (const isShared of [false, true]) {
    assert.deepEqual(changedNames({ kind: 'purge', id }, trashed, isShared), ['gone'])
    assert.deepEqual(changedNames({ kind: 'restore', id, to: undefined }, trashed, isShared), ['gone'])
    assert.deepEqual(changedNames({ kind: 'restore', id, to: 'back' }, trashed, isShared), ['back'])
  }
})

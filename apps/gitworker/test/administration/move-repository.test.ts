import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { MoveNotes } from '../../src/administration/move/move-notes.ts'
import { moveRepository } from '../../src/administration/move/move-repository.ts'

const mover = fileURLToPath(new URL('../fixtures/moves-for-ever.ts', import.meta.url))

/** A lender, and three forks that borrow from it: by a relative path, and the last by an absolute one. */
async function lenderAndForks(root: string): Promise<void> {
  await git(root, ['init', '--quiet', '--bare', 'lender.git'])
  await importHistory(join(root, 'lender.git'), 3)
  for (const name of ['fork-0.git', 'fork-1.git', 'fork-2.git']) {
    await git(root, ['init', '--quiet', '--bare', name])
    const path = name === 'fork-2.git' ? join(root, 'lender.git/objects') : '../../lender.git/objects'
    await appendFile(join(root, name, 'objects/info/alternates'), `${path}\n`)
    await git(join(root, name), ['fetch', '--quiet', '../lender.git', 'refs/heads/*:refs/heads/*'])
  }
}

/** Whether git finds all that a repository needs, and has no word to say against its alternates. */
async function isWhole(gitDir: string): Promise<string> {
  const { code, stderr, stdout } = await tryGit(gitDir, ['fsck', '--full'])
  return code === 0 && stderr + stdout === '' ? 'whole' : `${code} ${stderr}${stdout}`
}

function placeOf(root: string, name: string): string {
  const places = [join(root, name), join(root, 'far/away', name)].filter((path) => existsSync(path))
  assert.equal(places.length, 1, `${name} is in ${places.length} places`)
  return places[0]!
}

test('forks find the objects that they borrow wherever the process that moves them is killed', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const notes = join(root, 'notes')
  await lenderAndForks(root)
  for (let round = 0; round < 4; round++) {
    const child = fork(mover, [root, notes])
    await once(child, 'message')
    // Any moment will do.
    await pause(Math.random() * 30)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const names = ['lender.git', 'fork-0.git', 'fork-1.git', 'fork-2.git']
    // Before anybody has seen to it, no object is out of reach; git may complain of a path too many.
    for (const name of names) assert.equal((await tryGit(placeOf(root, name), ['fsck', '--full'])).code, 0)
    await MoveNotes.open(notes, silentLog)
    for (const name of names) assert.equal(await isWhole(placeOf(root, name)), 'whole')
    assert.deepEqual(await readdir(notes), [])
    for (const name of ['lender.git', 'fork-0.git']) await bringBack(root, name)
  }
})

/** By the same means, so that the next round begins where this one did. */
async function bringBack(root: string, name: string): Promise<void> {
  const from = placeOf(root, name)
  const target = join(root, name)
  if (from === target) return
  const borrowers =
    name === 'lender.git' ? ['fork-0.git', 'fork-1.git', 'fork-2.git'].map((one) => placeOf(root, one)) : []
  const notes = await MoveNotes.open(join(root, 'notes'), silentLog)
  await moveRepository({ folder: from, target, gitDir: from, borrowers }, notes, () => {})
  for (const borrower of borrowers) assert.equal(await isWhole(borrower), 'whole')
}

test('a move that cannot be made leaves everything as it was', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  await lenderAndForks(root)
  const notes = await MoveNotes.open(join(root, 'notes'), silentLog)
  const alternates = () =>
    Promise.all([0, 1, 2].map((n) => readFile(join(root, `fork-${n}.git/objects/info/alternates`), 'utf8')))
  const before = await alternates()
  const borrowers = [0, 1, 2].map((n) => join(root, `fork-${n}.git`))
  const gitDir = join(root, 'lender.git')
  const taken = { folder: gitDir, gitDir, target: join(root, 'fork-1.git'), borrowers }
  await assert.rejects(
    moveRepository(taken, notes, () => {}),
    { reason: 'operation_failed' },
  )
  const below = { folder: gitDir, gitDir, target: join(root, 'new/folder/x.git'), borrowers }
  const refuse = () => {
    throw new Error('taken in the meantime')
  }
  await assert.rejects(moveRepository(below, notes, refuse), { reason: 'operation_failed' })
  assert.deepEqual(await alternates(), before)
  assert.equal(existsSync(join(root, 'new')), false)
  assert.deepEqual(await readdir(join(root, 'notes')), [])
  // A fork without its lender is what this test would have to notice.
  await rename(gitDir, join(root, 'elsewhere.git'))
  assert.notEqual(await isWhole(borrowers[0]!), 'whole')
})

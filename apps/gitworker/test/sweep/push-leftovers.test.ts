import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { mkdir, open as openFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { readNote, writeNote } from '../../src/process/request-note.ts'
import { removeLeftovers } from '../../src/sweep/push-leftovers.ts'

test('what is made as soon as a note is written counts as made after it', async () => {
  await using folder = await temporaryFolder()
  const gitDir = join(folder.path, 'a.git')
  const packs = join(gitDir, 'objects/pack')
  await mkdir(packs, { recursive: true })
  const left = join(packs, 'tmp_pack_AbCdEf')
  for (let turn = 0; turn < 20; turn++) {
    using note = writeNote(
      join(folder.path, 'note'),
      { leader: process.pid, word: 'w', since: 0 },
      gitDir,
      'repacksSince',
    )
    writeFileSync(left, 'x')
    assert.deepEqual((await removeLeftovers(readNote(note.file!))).removed, [left])
  }
})

test('the temporary packs that a killed repack has named in its trace are removed, and no others', async () => {
  await using folder = await temporaryFolder()
  const gitDir = join(folder.path, 'a.git')
  const packs = join(gitDir, 'objects/pack')
  await mkdir(packs, { recursive: true })
  const others = ['.tmp-47-pack-00ff.pack', '.tmp-4711-package', 'pack-00ff.pack', 'tmp_pack_AbCdEf']
  for (const name of [...others, '.tmp-4711-pack-00ff.pack', '.tmp-4711-pack-00ff.idx']) {
    await writeFile(join(packs, name), 'x')
  }
  const noted = await noteOf(gitDir, `${packs}/.tmp-4711-pack`)
  assert.deepEqual(await removeLeftovers(noted), {
    removed: ['.tmp-4711-pack-00ff.idx', '.tmp-4711-pack-00ff.pack'].map((name) => join(packs, name)),
    isPostponed: false,
  })
  assert.deepEqual((await readdir(packs)).toSorted(), others.toSorted())
  const elsewhere = await noteOf(gitDir, `${folder.path}/.tmp-47-pack`)
  assert.deepEqual((await removeLeftovers(elsewhere)).removed, [])

  await writeFile(join(packs, 'tmp_idx_old'), 'x')
  await until('a later time', () => Date.now() > statSync(join(packs, 'tmp_idx_old')).birthtimeMs + 20)
  const begun = { gitDir, repacksSince: Date.now() }
  await until('a later time', () => Date.now() > begun.repacksSince + 20)
  await writeFile(join(packs, 'tmp_pack_new'), 'x')
  await using open = await openFile(join(packs, 'tmp_pack_open'), 'w')
  assert.deepEqual(await removeLeftovers(begun), { removed: [join(packs, 'tmp_pack_new')], isPostponed: true })
  await open.close()
  assert.deepEqual((await removeLeftovers(begun)).removed, [join(packs, 'tmp_pack_open')])
  assert.deepEqual((await removeLeftovers({ gitDir })).removed, [])

  // git would not be at work any more as long as they are there.
  const locks = ['maintenance.lock', 'pack/multi-pack-index.lock'].map((name) => join(gitDir, 'objects', name))
  for (const path of locks) await writeFile(path, '')
  await using held = await openFile(locks[1]!, 'r')
  assert.deepEqual(await removeLeftovers(begun), { removed: [locks[0]], isPostponed: true })
  await held.close()
  assert.deepEqual((await removeLeftovers({ ...begun, repacksSince: Date.now() + 60_000 })).removed, [])
  assert.deepEqual((await removeLeftovers(begun)).removed, [locks[1]])

  const half = join(gitDir, 'objects/fd/tmp_obj_AbCdEf')
  await mkdir(dirname(half))
  await writeFile(half, 'x')
  assert.deepEqual((await removeLeftovers(begun)).removed, [half])

  async function noteOf(repository: string, temporary: string) {
    const file = join(folder.path, 'note')
    const trace =
      `05:05:09.492682 git.c:460  trace: built-in: git repack -a -d\n` +
      `05:05:09.494143 run-command.c:655  trace: run_command: git pack-objects --local ${temporary} --all\n`
    await writeFile(file, `${JSON.stringify({ worker: '1 2 boot', word: 'w', gitDir: repository })}\n${trace}`)
    return readNote(file)
  }
})

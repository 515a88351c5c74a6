import assert from 'node:assert/strict'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { removeOldTemporaries } from '../../src/maintenance/old-temporaries.ts'

test('what is from before this machine’s start has no owner, unless other machines write here, too', async () => {
  for (const isShared of [true, false]) {
    await using folder = await temporaryFolder()
    const objects = join(folder.path, 'objects')
    await mkdir(join(objects, 'pack'), { recursive: true })
    await mkdir(join(objects, 'tmp_objdir-incoming-AbCdEf'))
    const names = ['pack/tmp_pack_AbCdEf', 'pack/multi-pack-index.lock', 'tmp_objdir-incoming-AbCdEf']
    for (const name of names.slice(0, 2)) await writeFile(join(objects, name), '')
    for (const name of names) await utimes(join(objects, name), 1_000_000, 1_000_000)
    const paths = names.map((name) => join(objects, name)).toSorted()
    const removed = async (now: number) =>
      (await removeOldTemporaries(folder.path, now, 1_000_000_000, isShared)).toSorted()
    const soon = 1_000_000_000 + 60_000
    assert.deepEqual(await removed(soon), isShared ? [] : paths)
    // git prune goes by the same age.
    if (isShared) assert.deepEqual(await removed(Date.now()), paths)
  }
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, rename, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { mountLosableDisk } from '@sluice/shared/testing/losable-disk'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { syncMove } from '../../src/administration/move/sync-move.ts'

for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
  test(`what was moved on ${kind} is moved when the machine loses its power right after that`, async (t) => {
    await using root = await temporaryFolder()
    await using disk = await mountLosableDisk(kind, root.path)
    if (!disk) return t.skip(`No ${kind} can be made and mounted here.`)
    const [folder, target] = ['team/a.git', 'trash/id/repository']
    await mkdir(join(root.path, folder), { recursive: true })
    for (const path of [folder, 'team', '.']) await syncFolder(join(root.path, path))
    const isLeft = async () =>
      await disk.afterLossOfPower(async (copy) => [folder, target].map((path) => existsSync(join(copy, path))))
    assert.deepEqual(await isLeft(), [true, false])
    await mkdir(join(root.path, target, '..'), { recursive: true })
    await rename(join(root.path, folder), join(root.path, target))
    await rmdir(join(root.path, 'team'))
    await syncMove({ folder: join(root.path, folder), target: join(root.path, target) })
    assert.deepEqual(await isLeft(), [false, true])
  })
}

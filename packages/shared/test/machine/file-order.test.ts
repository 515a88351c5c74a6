import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasJournal } from '../../src/machine/file-order.ts'
import { temporaryFolder } from '../../testing/folder.ts'

test('an ext4 without a journal keeps no order, nor one of which the kernel says nothing', async () => {
  await using kernel = await temporaryFolder()
  await mkdir(join(kernel.path, 'dev/block'), { recursive: true })
  const devices = [
    ['254:0', 'vda', '<none>\n'],
    ['8:1', 'sda1', '312\n'],
    // As a container sees it: the thread has no number there.
    ['259:4097', 'nvme0n1p3', '0\n'],
    // An ext2.
    ['7:3', 'loop3', undefined],
  ] as const
  for (const [numbers, name, task] of devices) {
    await symlink(`../../devices/virtual/block/${name}`, join(kernel.path, 'dev/block', numbers))
    if (task === undefined) continue
    await mkdir(join(kernel.path, 'fs/ext4', name), { recursive: true })
    await writeFile(join(kernel.path, 'fs/ext4', name, 'journal_task'), task)
  }
  const found = [0xfe00, 0x0801, 0x1010301, 0x0703, 0x0999].map((device) => hasJournal(device, kernel.path))
  assert.deepEqual(await Promise.all(found), [false, true, true, false, false])
})

import { readFile, readlink, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'

/**
 * Whether what was changed in a folder's file system cannot be on the disk without all that was changed before it: names, and
 * what had been written out of the files. That holds where there is one journal for all files.
 *
 * @throws the file system's error
 */
export async function keepsOrder(folder: string): Promise<boolean> {
  const { type } = await statfs(folder)
  return type === xfs || (type === ext && (await hasJournal((await stat(folder)).dev)))
}

/** `f_type` of statfs(2). ext2, ext3 and ext4 have the same. */
const xfs = 0x58465342
const ext = 0xef53

/**
 * Whether a device has an ext3 or ext4 with a journal. ext2 has none, and ext4 may be made without one. The kernel says so
 * (`journal_task`, from Linux 5.3). Where it does not, nobody relies on one.
 *
 * @param device as stat(2) has it
 * @param kernel where sysfs is mounted
 */
export async function hasJournal(device: number, kernel = '/sys'): Promise<boolean> {
  try {
    const name = basename(await readlink(join(kernel, 'dev/block', numbersOf(device))))
    const task = await readFile(join(kernel, 'fs/ext4', name, 'journal_task'), 'utf8')
    return task.trim() !== '<none>'
  } catch {
    return false
  }
}

/** Major and minor number: makedev(3). */
function numbersOf(device: number): string {
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`
}

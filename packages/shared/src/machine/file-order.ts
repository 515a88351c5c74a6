import { statfs } from 'node:fs/promises'

/**
 * Whether what was changed in a folder's file system cannot be on the disk without all that was changed before it: names, and
 * what had been written out of the files.
 *
 * @throws the file system's error
 */
export async function keepsOrder(folder: string): Promise<boolean> {
  return inOrder.has((await statfs(folder)).type)
}

/** ext3, ext4 and XFS: `f_type` of statfs(2). Each has one journal for all files. */
const inOrder: ReadonlySet<number> = new Set([0xef53, 0x58465342])

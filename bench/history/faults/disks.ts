import { execFile } from 'node:child_process'
import { mkdtemp, rmdir, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** More than an hour needs. Memory is taken for what is there only. */
const whole = 'size=4g,nr_inodes=4m'
const mostAttempts = 20

/** Why hosts cannot have disks of their own here; undefined if they can. */
export async function noDisks(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'))
  try {
    await using disk = await mountDisk(folder)
    void disk
    return undefined
  } catch {
    return 'no file system in memory may be mounted here, so no disk gets full (it takes root)'
  } finally {
    await rmdir(folder).catch(() => {})
  }
}

/** Mounts a file system in memory (tmpfs) at an empty folder, until it is disposed of. */
export async function mountDisk(folder: string): Promise<AsyncDisposable> {
  await run('mount', ['-t', 'tmpfs', '-o', whole, 'sluice-disk', folder])
  return { [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', folder])) }
}

/** The disk gets as small as what is on it, until this is disposed of. */
export async function fillDisk(folder: string, what: 'bytes' | 'inodes'): Promise<AsyncDisposable> {
  for (let attempt = 1; ; attempt++) {
    const { bsize, blocks, bfree, files, ffree } = await statfs(folder)
    // 0 would be no bound at all. If there is more on it by now, a little more room is left.
    const room = attempt - 1
    const size =
      what === 'bytes' ? `size=${Math.max(1, blocks - bfree + room) * bsize}` : `nr_inodes=${files - ffree + room}`
    try {
      await remount(folder, size)
      return { [Symbol.asyncDispose]: () => remount(folder, whole) }
    } catch (error) {
      if (attempt === mostAttempts) throw error
    }
  }
}

async function remount(folder: string, options: string): Promise<void> {
  await run('mount', ['-o', `remount,${options}`, folder])
}

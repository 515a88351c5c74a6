import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './folder.ts'

const run = promisify(execFile)

/** A file system of its own in a file. */
export type LosableDisk = AsyncDisposable & {
  /** Calls back with a folder that has what a loss of power at this moment would leave. */
  afterLossOfPower<T>(look: (folder: string) => Promise<T>): Promise<T>
}

type FileSystem = 'ext4' | 'xfs' | 'btrfs'

const kinds = {
  // Nothing is to reach the disk by itself in a test: ext4 commits its journal after five seconds, the others after thirty.
  ext4: { size: '64M', live: 'loop,commit=300', copied: 'loop' },
  xfs: { size: '320M', live: 'loop', copied: 'loop,nouuid' },
  btrfs: { size: '128M', live: 'loop,commit=300', copied: 'loop' },
} as const satisfies Record<FileSystem, unknown>

/**
 * Mounts a new file system. The file below it has what that has been given to write, and not what waits in the kernel's memory:
 * so a copy of the file is what a loss of power leaves, on a disk that loses nothing of its own cache.
 *
 * @param kind one for whose journal a copy is replayed when it is mounted
 * @returns undefined where this user may not mount one, or there is no program that makes one
 */
export async function mountLosableDisk(kind: FileSystem, mountPoint: string): Promise<LosableDisk | undefined> {
  const { size, live, copied } = kinds[kind]
  await using mounted = new AsyncDisposableStack()
  const { path } = mounted.use(await temporaryFolder())
  const [image, copy, other] = [join(path, 'image'), join(path, 'copy'), join(path, 'other')]
  await mkdir(other)
  try {
    await run('truncate', ['--size', size, image])
    await run(`/sbin/mkfs.${kind}`, ['-q', image])
    await run('mount', ['-t', kind, '-o', live, image, mountPoint])
  } catch {
    return undefined
  }
  mounted.defer(async () => void (await run('umount', ['--lazy', mountPoint])))
  await run('sync', ['--file-system', mountPoint])
  const parts = mounted.move()
  return {
    async afterLossOfPower(look) {
      await run('cp', ['--sparse=always', image, copy])
      await run('mount', ['-t', kind, '-o', copied, copy, other])
      try {
        return await look(other)
      } finally {
        await run('umount', ['--lazy', other])
      }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

import { createHash, randomUUID } from 'node:crypto'
import { lstat, open, readdir, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/** Far longer than anybody writes to such a file. */
const leftAfterMs = 10 * 60_000

export type TemporaryFile = AsyncDisposable & { readonly path: string; readonly handle: FileHandle }

/**
 * Makes a file beside another, which will take its place. It is removed on disposal, unless it has another name by
 * then. What a killed command has left is removed first. The caller holds the lock of the other file.
 */
export async function openTemporary(beside: string): Promise<TemporaryFile> {
  const folder = dirname(beside)
  const start = `.sluice-${createHash('sha256').update(basename(beside)).digest('hex').slice(0, 16)}-`
  await removeLeft(folder, start)
  const path = join(folder, `${start}${randomUUID()}.new`)
  const handle = await open(path, 'wx', 0o600)
  return {
    path,
    handle,
    async [Symbol.asyncDispose]() {
      await handle.close()
      await rm(path, { force: true })
    },
  }
}

/** The lock keeps out other commands of this machine. For those of other containers, the age says that they are gone. */
async function removeLeft(folder: string, start: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !name.endsWith('.new')) continue
    const path = join(folder, name)
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isFile() && Date.now() - stats.mtimeMs > leftAfterMs) await rm(path, { force: true })
  }
}

/** Makes a new name in a folder last over a loss of power, where the file system can do that. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync().catch((error: unknown) => {
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS'].includes(errnoOf(error))) throw error
  })
}

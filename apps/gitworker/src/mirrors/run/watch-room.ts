import { join } from 'node:path'
import type { RepositorySizes } from '../../capacity/repository-size.ts'
import { readdir, stat } from 'node:fs/promises'
import { MirrorError } from './mirror-error.ts'

/*
 * git has no limit on what it fetches, as it has on what is pushed. So a fetch is watched: the pack that it writes, and the
 * disk. A pack that is too large is ended within a second, and removed.
 */

export type RoomServices = {
  readonly sizes: RepositorySizes
  /** SLUICE_MAX_REPOSITORY, in bytes. Undefined: no limit. */
  readonly maxRepository: (repository: string) => number | undefined
  /** What the disk of the repositories is short of, in words. */
  readonly diskShortage: () => Promise<string | undefined>
}

const lookEveryMs = 1000

export type RoomWatch = Disposable & {
  /** Aborted with a MirrorError where there is no more room. */
  readonly exceeded: AbortSignal
  /** @throws {MirrorError} `too_large`, `disk_low` */
  look(): Promise<void>
}

/** @throws {MirrorError} `too_large`, `disk_low` where there is no room in the first place */
export async function watchRoom(repository: string, gitDir: string, services: RoomServices): Promise<RoomWatch> {
  const limit = services.maxRepository(repository)
  const exceeding = new AbortController()
  const look = async () => {
    const shortage = await services.diskShortage()
    if (shortage !== undefined) throw new MirrorError('disk_low', shortage)
    if (limit === undefined) return
    const used = await services.sizes.of(join(gitDir, 'objects'))
    if (used + (await temporaryBytes(gitDir)) >= limit) throw new MirrorError('too_large')
  }
  await look()
  const timer = setInterval(() => {
    look().catch((error: unknown) => error instanceof MirrorError && exceeding.abort(error))
  }, lookEveryMs)
  return { exceeded: exceeding.signal, look, [Symbol.dispose]: () => clearInterval(timer) }
}

/** Of the packs that git is writing. */
async function temporaryBytes(gitDir: string): Promise<number> {
  const folder = join(gitDir, 'objects/pack')
  const names = (await readdir(folder)).filter((name) => name.startsWith('tmp_'))
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)))
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0)
}

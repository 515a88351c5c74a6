import { statfs } from 'node:fs/promises'
import { bounded } from '@sluice/shared/operations/health'
import { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * The space that this process's user may still use, and all of it. Inodes are undefined where the file system has no
 * fixed number.
 */
export type FreeSpace = {
  readonly freeBytes: number
  readonly totalBytes: number
  readonly freeInodes: number | undefined
  readonly totalInodes: number | undefined
}

export type DiskName = 'root' | 'spool' | 'run' | 'audit' | 'events'

/** How long a measurement is used. */
const freshMs = 1000

/** Requests wait this long for a disk to answer. After that, its free space counts as unknown. */
const lookWithinMs = 1000

/** The default of what is kept free: a hundredth of the disk, within these bounds in bytes. */
const defaultShare = 0.01
const leastDefault = 64 * 2 ** 20
const mostDefault = 2 ** 30

/**
 * How many inodes are kept free, or a thousandth of all if that is less. An unpacked push needs one for each object.
 */
const minFreeInodes = 1000

/**
 * How much is free on the disks that the host writes to. Each is asked at most once a second, with one question at a
 * time: a disk that hangs blocks one thread of libuv's and no request.
 */
export class DiskSpace {
  readonly #looks: ReadonlyMap<DiskName, () => Promise<FreeSpace | undefined>>
  readonly #minFreeBytes: number | undefined

  /**
   * @param folders one on each disk, by its purpose
   * @param minFreeBytes what pushes must leave free; undefined is a hundredth of the disk, from 64 MiB to 1 GiB
   * @param look replaces statfs(2) in tests
   */
  constructor(
    folders: Readonly<Partial<Record<DiskName, string>>>,
    minFreeBytes: number | undefined,
    look: (folder: string) => Promise<FreeSpace> = lookAt,
  ) {
    this.#minFreeBytes = minFreeBytes
    const entries = Object.entries(folders) as [DiskName, string][]
    this.#looks = new Map(
      entries.map(([name, folder]) => [name, remembered(() => look(folder).catch(() => undefined))]),
    )
  }

  /** The space on each disk that answers in time. */
  async all(): Promise<[DiskName, FreeSpace][]> {
    const seen = await Promise.all([...this.#looks].map(async ([name, look]) => [name, await look()] as const))
    return seen.filter((entry): entry is [DiskName, FreeSpace] => entry[1] !== undefined)
  }

  /** Undefined where the disk does not answer, or is not one of these. */
  async freeBytes(name: DiskName): Promise<number | undefined> {
    return (await this.#looks.get(name)?.())?.freeBytes
  }

  /**
   * @returns what the disk of the repositories is short of, in words; undefined where it has enough, or does not answer
   */
  async shortage(): Promise<string | undefined> {
    const seen = await this.#looks.get('root')?.()
    if (!seen) return undefined
    if (seen.freeBytes < this.#mustStayFree(seen)) return 'the disk of the repositories is nearly full'
    return isShortOfInodes(seen) ? 'the disk of the repositories has hardly any inodes left' : undefined
  }

  /**
   * @param pushBytes the size of the push, as far as it is known
   * @throws {Refusal} `disk_low` where less than what must stay free would be left
   */
  async checkPush(pushBytes = 0): Promise<void> {
    const seen = await this.#looks.get('root')?.()
    if (!seen) return
    const left = seen.freeBytes - pushBytes
    if (left >= this.#mustStayFree(seen) && !isShortOfInodes(seen)) return
    const sentence = seen.freeBytes >= this.#mustStayFree(seen) && !isShortOfInodes(seen) ? { sentence: tooLarge } : {}
    const cause = new Error(`${seen.freeBytes} bytes and ${seen.freeInodes ?? 'any number of'} inodes are free.`)
    throw new Refusal('disk_low', { ...sentence, cause })
  }

  #mustStayFree({ totalBytes }: FreeSpace): number {
    if (this.#minFreeBytes !== undefined) return this.#minFreeBytes
    const share = Math.min(Math.max(totalBytes * defaultShare, leastDefault), mostDefault)
    // On a small disk, the least default would be too large a part of it.
    return Math.min(share, totalBytes / 20)
  }
}

const tooLarge =
  'This push is larger than what the disk of the server has room for. Please tell whoever runs it, or push less at once.'

function isShortOfInodes({ freeInodes, totalInodes }: FreeSpace): boolean {
  if (freeInodes === undefined || totalInodes === undefined) return false
  return freeInodes < Math.min(minFreeInodes, totalInodes / 1000)
}

async function lookAt(folder: string): Promise<FreeSpace> {
  const { bsize, bavail, blocks, ffree, files } = await statfs(folder)
  // btrfs and others make inodes as they need them, and report 0.
  const counts = files > 0
  return {
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    freeInodes: counts ? ffree : undefined,
    totalInodes: counts ? files : undefined,
  }
}

/** Asks at most once a second, and returns undefined where there is no answer in time. */
function remembered(look: () => Promise<FreeSpace | undefined>): () => Promise<FreeSpace | undefined> {
  let last: { readonly seen: FreeSpace | undefined; readonly at: number } | undefined
  const lookNow = bounded(
    async () => {
      const seen = await look()
      last = { seen, at: performance.now() }
      return seen
    },
    lookWithinMs,
    undefined,
  )
  return async () => (last && performance.now() - last.at < freshMs ? last.seen : await lookNow())
}

import { statfs } from 'node:fs/promises'
import { bounded } from '@sluice/shared/operations/health'
import { Refusal } from '@sluice/shared/refusal/refusal'

/** What is left for this process's user, and what there is in all. No inodes where the file system does not count them. */
export type FreeSpace = {
  readonly freeBytes: number
  readonly totalBytes: number
  readonly freeInodes: number | undefined
  readonly totalInodes: number | undefined
}

export type DiskName = 'root' | 'spool' | 'run'

/** How long what was seen is good for. */
const freshMs = 1000

/** A disk that does not answer within this time is not known; requests wait no longer for it. */
const lookWithinMs = 1000

/** The default for what is kept free: a hundredth, but between these. */
const defaultShare = 0.01
const leastDefault = 64 * 2 ** 20
const mostDefault = 2 ** 30

/** So many files, or a thousandth of all if that is less, are kept free: a push that is unpacked makes one an object. */
const minFreeInodes = 1000

/**
 * How much is free where the host writes. Each folder is looked at once a second at most, with one look at a time, so that
 * a disk that hangs holds one thread of libuv's and no request.
 */
export class DiskSpace {
  readonly #looks: ReadonlyMap<DiskName, () => Promise<FreeSpace | undefined>>
  readonly #minFreeBytes: number | undefined

  /**
   * @param folders by what they are for
   * @param minFreeBytes what pushes must leave free; undefined: a hundredth of the disk, at least 64 MiB and at most 1 GiB
   * @param look for tests
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

  /** What is known of each. */
  async all(): Promise<[DiskName, FreeSpace][]> {
    const seen = await Promise.all([...this.#looks].map(async ([name, look]) => [name, await look()] as const))
    return seen.filter((entry): entry is [DiskName, FreeSpace] => entry[1] !== undefined)
  }

  /** @returns what is short where repositories are, in words; undefined where nothing is, or where that is not known */
  async shortage(): Promise<string | undefined> {
    const seen = await this.#looks.get('root')?.()
    if (!seen) return undefined
    if (seen.freeBytes < this.#mustStayFree(seen)) return 'the disk of the repositories is nearly full'
    return isShortOfInodes(seen) ? 'the disk of the repositories has hardly any inodes left' : undefined
  }

  /**
   * @param pushBytes how much a push is known to bring
   * @throws {Refusal} `disk_low` where it would leave less than what must stay free
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
    // A disk that is itself small is for small things.
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
  // btrfs and others make inodes as they need them, and say 0.
  const counts = files > 0
  return {
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    freeInodes: counts ? ffree : undefined,
    totalInodes: counts ? files : undefined,
  }
}

/** One look a second at most; what is not seen in time is not known. */
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

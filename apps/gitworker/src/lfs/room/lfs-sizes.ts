import { LRUCache } from 'lru-cache'
import type { LfsPlace, LfsStorage } from '../storage/lfs-storage.ts'

/** How long a sum is kept, with what has come since added to it. Objects may go without this host's knowing. */
const freshMs = 10 * 60_000

/** A sum that leaves no room is kept for this, and so many times what the listing took. Objects may have been pruned. */
const fullMs = 1000
const fullShare = 10

const maxRepositories = 1000

type Known = {
  readonly measured: Promise<number>
  /** Of the listing. 0 until it has ended. */
  bytes: number
  /** What has been stored since it was begun. */
  more: number
  /** When the listing was begun, and how long it took: Infinity until it has ended. */
  readonly at: number
  took: number
}

/** An upload under way, which counts until it is disposed of. */
export type Coming = Disposable & {
  /** To be called with the bytes that have come. @returns whether there is room for them */
  hasRoomFor(bytes: number): boolean
}

/** What the objects of repositories take in all, in bytes. Listed at most once in ten minutes for each, unless they are full. */
export class LfsSizes {
  readonly #storage: Pick<LfsStorage, 'list'>
  readonly #now: () => number
  readonly #known = new LRUCache<string, Known>({ max: maxRepositories })
  /** Of uploads under way, by git directory. */
  readonly #coming = new Map<string, number>()

  /** @param now in milliseconds, by a clock that is never put back */
  constructor(storage: Pick<LfsStorage, 'list'>, now: () => number = () => performance.now()) {
    this.#storage = storage
    this.#now = now
  }

  /**
   * Those that are being uploaded count as far as their sizes are known.
   *
   * @param most a larger sum is never one of ten minutes ago: objects may have gone
   */
  async of(place: LfsPlace, most = Infinity): Promise<number> {
    await this.#fresh(place, false).measured
    if (this.#sum(place) > most) await this.#fresh(place, true).measured
    return this.#sum(place)
  }

  /** To be called when an object has been stored. One that was there before counts twice until the next listing. */
  stored({ gitDir }: LfsPlace, bytes: number): void {
    const known = this.#known.get(gitDir)
    if (known) known.more += bytes
  }

  /**
   * Counts an upload, if there is room for it. That is found out in the turn in which it is counted, so that no two
   * get the same room.
   *
   * @param bytes that the client has told
   * @param most how large the sum may become
   * @returns undefined where there is no room
   */
  async coming(place: LfsPlace, bytes: number, most: number): Promise<Coming | undefined> {
    await this.of(place, most - bytes)
    if (this.#sum(place) + bytes > most) return undefined
    let counted = bytes
    this.#add(place, counted)
    return {
      hasRoomFor: (arrived) => {
        if (arrived <= counted) return true
        this.#add(place, arrived - counted)
        counted = arrived
        return this.#sum(place) <= most
      },
      [Symbol.dispose]: () => this.#add(place, -counted),
    }
  }

  #sum({ gitDir }: LfsPlace): number {
    const { bytes = 0, more = 0 } = this.#known.get(gitDir) ?? {}
    return bytes + more + (this.#coming.get(gitDir) ?? 0)
  }

  #add({ gitDir }: LfsPlace, bytes: number): void {
    const sum = (this.#coming.get(gitDir) ?? 0) + bytes
    if (sum === 0) this.#coming.delete(gitDir)
    else this.#coming.set(gitDir, sum)
  }

  #fresh(place: LfsPlace, isFull: boolean): Known {
    const known = this.#known.get(place.gitDir)
    const goodFor = known && isFull ? known.took * (fullShare + 1) + fullMs : freshMs
    if (known && this.#now() - known.at < goodFor) return known
    const at = this.#now()
    const measuring: Known = { measured: this.#measure(place), bytes: 0, more: 0, at, took: Infinity }
    this.#known.set(place.gitDir, measuring)
    measuring.measured.then(
      (bytes) => Object.assign(measuring, { bytes, took: this.#now() - at }),
      () => this.#known.delete(place.gitDir),
    )
    return measuring
  }

  async #measure(place: LfsPlace): Promise<number> {
    let bytes = 0
    for await (const { size } of this.#storage.list(place)) bytes += size
    return bytes
  }
}

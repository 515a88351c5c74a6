import { LRUCache } from 'lru-cache'
import type { LfsPlace, LfsStorage } from '../storage/lfs-storage.ts'

/** How long a sum is kept, with what has come since added to it. Objects may go without this host's knowing. */
const freshMs = 10 * 60_000

const maxRepositories = 1000

type Known = { readonly measured: Promise<number>; more: number; readonly at: number }

/** What the objects of repositories take in all, in bytes. Listed at most once in ten minutes for each. */
export class LfsSizes {
  readonly #storage: Pick<LfsStorage, 'list'>
  readonly #known = new LRUCache<string, Known>({ max: maxRepositories })
  /** Of uploads under way, by git directory. */
  readonly #coming = new Map<string, number>()

  constructor(storage: Pick<LfsStorage, 'list'>) {
    this.#storage = storage
  }

  /** Those that are being uploaded count as far as their sizes are known. */
  async of(place: LfsPlace): Promise<number> {
    const known = this.#fresh(place)
    const measured = await known.measured
    return measured + known.more + (this.#coming.get(place.gitDir) ?? 0)
  }

  /** To be called when an object has been stored. One that was there before counts twice until the next listing. */
  stored({ gitDir }: LfsPlace, bytes: number): void {
    const known = this.#known.get(gitDir)
    if (known) known.more += bytes
  }

  /** Counts an upload that is under way, until disposed of. */
  coming({ gitDir }: LfsPlace, bytes: number): Disposable {
    this.#add(gitDir, bytes)
    return { [Symbol.dispose]: () => this.#add(gitDir, -bytes) }
  }

  #add(gitDir: string, bytes: number): void {
    const sum = (this.#coming.get(gitDir) ?? 0) + bytes
    if (sum === 0) this.#coming.delete(gitDir)
    else this.#coming.set(gitDir, sum)
  }

  #fresh(place: LfsPlace): Known {
    const known = this.#known.get(place.gitDir)
    if (known && performance.now() - known.at < freshMs) return known
    const measuring = { measured: this.#measure(place), more: 0, at: performance.now() }
    this.#known.set(place.gitDir, measuring)
    measuring.measured.catch(() => this.#known.delete(place.gitDir))
    return measuring
  }

  async #measure(place: LfsPlace): Promise<number> {
    let bytes = 0
    for await (const { size } of this.#storage.list(place)) bytes += size
    return bytes
  }
}

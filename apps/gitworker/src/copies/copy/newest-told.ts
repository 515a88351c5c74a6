import { LRUCache } from 'lru-cache'
import type { Told, ToldOrder } from '../link/told.ts'

/** Repositories of which it is remembered. */
const mostRepositories = 10_000

/** Processes of primaries. */
const mostRuns = 1000

/**
 * What a primary tells may come late: it waits for its turn, or on the way. Meanwhile a newer state of the same repository may
 * have been told and acknowledged. So nothing is done that was read before what was done last.
 */
export class NewestTold {
  readonly #newest = new LRUCache<string, ToldOrder>({
    max: mostRepositories,
    dispose: ({ run, count }, _repository, why) => {
      if (why === 'evict') this.#forgotten.set(run, Math.max(count, this.#forgotten.get(run) ?? 0))
    },
  })
  /** By process: the latest that is not remembered by repository. */
  readonly #forgotten = new LRUCache<string, number>({ max: mostRuns })

  /** To be called right before something is done. @returns whether nothing newer was done, or may have been done */
  take({ repository, order: { run, count } }: Pick<Told, 'repository' | 'order'>): boolean {
    const last = this.#newest.get(repository)
    if (count < (last?.run === run ? last.count : (this.#forgotten.get(run) ?? 0))) return false
    this.#newest.set(repository, { run, count })
    return true
  }
}

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
  readonly #newest = new LRUCache<string, ToldOrder & { isDone?: boolean }>({
    max: mostRepositories,
    dispose: ({ run, count }, _repository, why) => {
      if (why === 'evict') this.#forgotten.set(run, Math.max(count, this.#forgotten.get(run) ?? 0))
    },
  })
  /** By process: the latest that is not remembered by repository. */
  readonly #forgotten = new LRUCache<string, number>({ max: mostRuns })

  /**
   * Does what a primary has told, or something else where something newer was done.
   *
   * @throws what the act throws; {Error} where something newer could not be done: then nobody knows what there is
   */
  async inOrder<T>(
    told: Pick<Told, 'repository' | 'order'>,
    act: () => Promise<T>,
    otherwise: () => Promise<T>,
  ): Promise<T> {
    if (!this.take(told)) {
      if (this.#newest.get(told.repository)?.isDone === false) throw new Error('Something newer could not be done.')
      return await otherwise()
    }
    const mine = { ...told.order, isDone: false }
    this.#newest.set(told.repository, mine)
    const result = await act()
    mine.isDone = true
    return result
  }

  /** To be called right before something is done. @returns whether nothing newer was done, or may have been done */
  take({ repository, order: { run, count } }: Pick<Told, 'repository' | 'order'>): boolean {
    const last = this.#newest.get(repository)
    if (count < (last?.run === run ? last.count : (this.#forgotten.get(run) ?? 0))) return false
    this.#newest.set(repository, { run, count })
    return true
  }
}

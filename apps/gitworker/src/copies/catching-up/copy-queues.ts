import { WorkQueue } from './work-queue.ts'

/** A queue for each copy: one that is slow, or does not answer, holds up no other. */
export class CopyQueues<T> {
  /** By copy. A cluster has some dozen hosts. */
  readonly #queues = new Map<string, WorkQueue<T>>()
  readonly #open: () => WorkQueue<T>

  /** @param atOnce for each copy @param act must not throw */
  constructor(atOnce: number, act: (work: T) => Promise<void>) {
    this.#open = () => new WorkQueue(atOnce, act)
  }

  add(copy: string, work: T, isUrgent: boolean): void {
    const queue = this.#queues.get(copy) ?? this.#open()
    this.#queues.set(copy, queue)
    queue.add(work, isUrgent)
  }

  /** To be called when nothing more is added. @returns what was not begun, when what runs is over */
  async close(): Promise<readonly T[]> {
    const left = await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    return left.flat()
  }
}

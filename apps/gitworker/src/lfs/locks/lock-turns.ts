import { Refusal } from '@sluice/shared/refusal/refusal'

/** The most changes of one file that may wait for each other. */
const mostWaiting = 100

type Line = { last: Promise<unknown>; length: number }

/** Lets one change at a time work on a file. They come in the order in which they were asked for. */
export class LockTurns {
  readonly #lines = new Map<string, Line>()

  /** @throws {Refusal} `queue_full`, and what `change` throws */
  async take<T>(file: string, change: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(file) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= mostWaiting) throw new Refusal('queue_full')
    this.#lines.set(file, line)
    line.length++
    const turn = line.last.then(change)
    line.last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      if (--line.length === 0) this.#lines.delete(file)
    }
  }
}

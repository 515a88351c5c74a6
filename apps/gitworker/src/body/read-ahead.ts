import type { BodyReader } from '@sluice/shared/exchange/body-reader'

/** The default of git's `http.postBuffer`: a body of that size is read whole. */
const maxBytes = 1024 * 1024

/** How many bytes all waiting requests together may have read ahead. */
export class ReadAheadBudget {
  #left: number

  constructor(bytes = 64 * 1024 * 1024) {
    this.#left = bytes
  }

  get left(): number {
    return this.#left
  }

  take(bytes: number): void {
    this.#left -= bytes
  }

  giveBack(bytes: number): void {
    this.#left += bytes
  }
}

/**
 * Reads ahead until it is disposed of: up to 1 MiB, while the budget lasts. What was read counts against the budget only
 * until then. Requests that wait may be many, but those that have a slot are few.
 */
export function readAhead(body: BodyReader, budget: ReadAheadBudget): Disposable {
  let bytes = 0
  const reading = body.readAhead({
    get left() {
      return Math.min(maxBytes - bytes, budget.left)
    },
    take(count) {
      bytes += count
      budget.take(count)
    },
  })
  return {
    [Symbol.dispose]() {
      reading[Symbol.dispose]()
      budget.giveBack(bytes)
      bytes = 0
    },
  }
}

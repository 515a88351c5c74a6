import { signEveryMs } from './told-line.ts'

/**
 * Gives signs of life for what nobody waits for: it may be silent for long, when many references are read or compared. But not
 * for ever: what hangs is to be ended by whoever has told it, and holds up others until then.
 *
 *   waiting for its turn ──begin──▶ at work ──silent for too long──▶ no more signs ──moved──▶ at work
 */
export class Signs implements Disposable {
  readonly #onProgress: () => void
  readonly #most: number
  readonly #timer: NodeJS.Timeout
  /** Signs until something must move. */
  #left = Infinity

  /** @param longestSilence milliseconds */
  constructor(onProgress: () => void, longestSilence: number) {
    this.#onProgress = onProgress
    this.#most = Math.ceil(longestSilence / signEveryMs)
    this.#timer = setInterval(() => {
      if (this.#left-- > 0) onProgress()
    }, signEveryMs)
  }

  /** Its turn has come. */
  begin(): void {
    this.#left = this.#most
  }

  /** To be called whenever something has moved. */
  readonly moved = (): void => {
    this.#left = this.#most
    this.#onProgress()
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

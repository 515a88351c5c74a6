import type { SentBody } from './kept-body.ts'

/** A small body that was read before a host was looked for. Each attempt gets the whole of it. */
export class WholeBody implements SentBody {
  readonly isAtHand = true
  readonly isWhole = true
  readonly isCutShort = false
  readonly isProbe = false
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get bytes(): number {
    return this.#bytes.length
  }

  lend(): Buffer {
    return this.#bytes
  }

  accepted(): void {}
}

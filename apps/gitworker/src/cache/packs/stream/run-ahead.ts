import type { SpoolFolder } from '../spool/spool-folder.ts'

/** How far a producer is ahead of the reader that is furthest. */
export class Lead {
  readonly #maxBytes: number
  readonly #folder: SpoolFolder
  #produced = 0
  /** The furthest position that any reader has ever reached. */
  #furthest = 0

  /** @param folder the bound does not hold while there is plenty of room in it */
  constructor(maxBytes: number, folder: SpoolFolder) {
    this.#maxBytes = maxBytes
    this.#folder = folder
  }

  /** The number of bytes that the producer has written. */
  get produced(): number {
    return this.#produced
  }

  get isTooLong(): boolean {
    return this.#produced - this.#furthest >= this.#maxBytes && !this.#folder.isRoomy
  }

  produce(bytes: number): void {
    this.#produced += bytes
  }

  reach(position: number): void {
    this.#furthest = Math.max(this.#furthest, position)
  }
}

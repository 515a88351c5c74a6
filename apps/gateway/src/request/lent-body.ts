import { Readable } from 'node:stream'

export type LentBodyEvents = {
  /** There is room for more. */
  readonly onRoom: () => void
  /** Finds out whether the host that reads this is at work. */
  readonly isThere: () => Promise<boolean>
}

/** What undici reads of a body, and may destroy. Begins with what has been kept. */
export class LentBody extends Readable {
  readonly isThere: () => Promise<boolean>
  readonly #onRoom: () => void
  #rest: Buffer | undefined

  constructor(beginning: readonly Buffer[], isCutShort: boolean, { onRoom, isThere }: LentBodyEvents) {
    super()
    this.#onRoom = onRoom
    this.isThere = isThere
    for (const chunk of beginning) this.give(chunk, isCutShort)
  }

  /** @param isCutShort whether its last byte is held back @returns whether more is wanted */
  give(chunk: Buffer, isCutShort: boolean): boolean {
    this.giveRest()
    if (!isCutShort) return this.push(chunk)
    this.#rest = chunk.subarray(-1)
    return this.push(chunk.subarray(0, -1))
  }

  /** Gives what was held back. */
  giveRest(): void {
    const rest = this.#rest
    this.#rest = undefined
    if (rest) this.push(rest)
  }

  override _read(): void {
    this.#onRoom()
  }
}

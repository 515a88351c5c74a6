/**
 * A body in more pieces than this must have 16 bytes a piece on average: a small piece costs as much as a large one.
 */
const manyPieces = 4096
const leastPieceBytes = 16

/** What one exchange has received and sent, in bytes of bodies. */
export class ByteCounters {
  #bytesIn = 0
  #piecesIn = 0
  #bytesOut = 0

  get bytesIn(): number {
    return this.#bytesIn
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  /** Whether the client cuts its body into pieces so small that reading them costs more than their bytes are worth. */
  get comesInTinyPieces(): boolean {
    return this.#piecesIn > manyPieces && this.#bytesIn < this.#piecesIn * leastPieceBytes
  }

  received(count: number): void {
    this.#bytesIn += count
    this.#piecesIn++
  }

  sent(count: number): void {
    this.#bytesOut += count
  }
}

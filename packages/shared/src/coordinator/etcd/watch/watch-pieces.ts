import { MemberFailure } from '../members/member-failure.ts'

/** One event has a key and a value of etcd's largest request at most (1.5 MiB), in base64. */
const maxPieceBytes = 4 * 1024 * 1024

/** A message without its events, or one event of the message that is on its way. Both are JSON. */
export type Piece = { readonly kind: 'message' | 'event'; readonly text: string }

const quote = '"'.charCodeAt(0)
const backslash = '\\'.charCodeAt(0)
const openObject = '{'.charCodeAt(0)
const closeObject = '}'.charCodeAt(0)
const openList = '['.charCodeAt(0)
const closeList = ']'.charCodeAt(0)

/**
 * Takes the stream of a watch apart. One message may have a hundred thousand events, and parsing it at once would block the
 * event loop. So each event is a piece of its own, and comes before its message:
 *
 *     {"result":{"header":{…},"events":[{…},{…}]}}
 *     1         2         3            3 4           how deep a thing is
 */
export class WatchPieces {
  #depth = 0
  #isInText = false
  #isEscaped = false
  #isInEvents = false
  /** What has been read of the next piece, event or message, and is in chunks before this one. */
  readonly #begun = { event: [] as Buffer[], message: [] as Buffer[] }
  #bytes = 0

  /** @throws {MemberFailure} for what is no such stream */
  read(chunk: Buffer): Piece[] {
    const pieces: Piece[] = []
    /** What is before it belongs to a piece, or to none. */
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (this.#isInText) {
        this.#readText(byte)
      } else if (byte === quote) {
        this.#isInText = true
      } else if (byte === openObject || byte === openList) {
        this.#depth++
        if (this.#depth === 3 && byte === openList) {
          this.#keep('message', chunk.subarray(start, at + 1))
          this.#isInEvents = this.#isAtEvents()
          start = at + 1
        } else if (this.#depth === 4 && this.#isInEvents) {
          start = at // A comma is between two events, and in neither.
        }
      } else if (byte === closeObject || byte === closeList) {
        this.#depth--
        if (this.#depth === 3 && this.#isInEvents) {
          pieces.push(this.#take('event', chunk.subarray(start, at + 1)))
          start = at + 1
        } else if (this.#depth === 2 && this.#isInEvents) {
          this.#isInEvents = false
          start = at
        } else if (this.#depth <= 0) {
          pieces.push(this.#take('message', chunk.subarray(start, at + 1)))
          start = at + 1
        }
      }
    }
    const isBetween = this.#isInEvents && this.#depth === 3
    if (!isBetween) this.#keep(this.#isInEvents ? 'event' : 'message', chunk.subarray(start))
    return pieces
  }

  #readText(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === backslash) this.#isEscaped = true
    else if (byte === quote) this.#isInText = false
  }

  #isAtEvents(): boolean {
    return /"events"\s*:\s*\[$/.test(Buffer.concat(this.#begun.message).toString())
  }

  #keep(kind: Piece['kind'], part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > maxPieceBytes)
      throw new MemberFailure('away', `a part of a watch has over ${maxPieceBytes} bytes`)
    this.#begun[kind].push(part)
  }

  #take(kind: Piece['kind'], end: Buffer): Piece {
    const begun = this.#begun[kind]
    const text = begun.length === 0 ? end.toString() : Buffer.concat([...begun, end]).toString()
    this.#bytes -= begun.reduce((sum, { length }) => sum + length, 0)
    this.#begun[kind] = []
    return { kind, text }
  }
}

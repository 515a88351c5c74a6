/*
 * Messages to and from the launcher and its workers: see worker/launcher/message.c for what they are.
 *
 *   u32 length of the body, u8 type, the body; numbers are little-endian
 */

/** Whoever speaks the protocol sends nothing longer. */
const longestBody = 256

const headSize = 5

/** What came over a channel is not in the protocol. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

export type Frame = { readonly type: string; readonly body: Buffer }

/** @param type one character */
export function frame(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.allocUnsafe(headSize)
  head.writeUInt32LE(body.length)
  head[4] = type.charCodeAt(0)
  return Buffer.concat([head, body])
}

/** Puts together the messages of a stream that may be cut anywhere. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** The messages that are whole with this chunk. @throws {ProtocolError} */
  read(chunk: Buffer): Frame[] {
    const whole: Frame[] = []
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= headSize) {
      const length = this.#rest.readUInt32LE(0)
      if (length > longestBody) throw new ProtocolError(`A message of ${length} bytes is too long.`)
      if (this.#rest.length < headSize + length) break
      const type = String.fromCharCode(this.#rest[4]!)
      const body = this.#rest.subarray(headSize, headSize + length)
      this.#rest = this.#rest.subarray(headSize + length)
      whole.push({ type, body })
    }
    return whole
  }
}

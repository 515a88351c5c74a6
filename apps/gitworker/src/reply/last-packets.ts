import { pktLength } from '@sluice/shared/git/pkt-line'

const maxBytes = 8192

/**
 * Keeps the end of git's output. It is parsed only if git fails: then the last packets tell why, on side-band 2 or 3 or as
 * `ERR` (gitprotocol-pack(5), gitprotocol-v2(5)).
 */
export class LastPackets {
  #chunks: Buffer[] = []
  #bytes = 0

  take(chunk: Buffer): void {
    // The memory of a large chunk is used again.
    const end = chunk.length > maxBytes ? Buffer.from(chunk.subarray(-maxBytes)) : chunk
    this.#chunks.push(end)
    this.#bytes += end.length
    while (this.#bytes - this.#chunks[0]!.length >= maxBytes) this.#bytes -= this.#chunks.shift()!.length
  }

  /** The messages in the packets, in order, about 8 KiB at most; empty where the output does not end with packets. */
  text(): string {
    const end = Buffer.concat(this.#chunks).subarray(-maxBytes)
    const texts: string[] = []
    for (let offset = firstPacket(end); offset < end.length;) {
      const length = Math.max(pktLength(end, offset) ?? 4, 4)
      texts.push(textOf(end.subarray(offset + 4, offset + length)))
      offset += length
    }
    return texts.join('')
  }
}

function textOf(payload: Buffer): string {
  if (payload[0] === 2 || payload[0] === 3) return payload.toString('utf8', 1)
  const text = payload.toString('utf8', 0, 4) === 'ERR ' ? payload.toString('utf8', 4) : ''
  return text === '' ? '' : `fatal: ${text.trimEnd()}\n`
}

/** The first offset from which the bytes are packets up to the very end. */
function firstPacket(bytes: Buffer): number {
  const reaches = new Uint8Array(bytes.length + 1)
  reaches[bytes.length] = 1
  let first = bytes.length
  for (let offset = bytes.length - 4; offset >= 0; offset--) {
    const length = pktLength(bytes, offset)
    if (length === undefined || reaches[offset + Math.max(length, 4)] !== 1) continue
    reaches[offset] = 1
    first = offset
  }
  return first
}

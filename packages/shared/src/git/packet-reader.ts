import { pktLength } from './pkt-line.ts'

/*
 * Cuts what receive-pack writes into packets (gitprotocol-common(5), "pkt-line Format"). If the client takes
 * side-bands, the first byte of a packet is the number of one (gitprotocol-pack(5), "Packfile Data"). Everything that
 * watches the reply to a push shares one reader, so the bytes are parsed only once.
 */

/** The numbers of the side-bands. */
export const reportBand = 1
export const wordsBand = 2
export const errorBand = 3

export type PacketHead = {
  /** Undefined where the packet has none, and for packets without content, such as a flush packet. */
  readonly band: number | undefined
  /** How many bytes follow the length and the band. */
  readonly size: number
  /** Where the packet begins in the last chunk; undefined where it began in an earlier one. */
  readonly start: number | undefined
}

export type Packet = {
  readonly band: number | undefined
  /** Without the length and the band. Undefined for a flush packet, a delimiter or the end of a response. */
  readonly payload: Buffer | undefined
  /** Where the packet ends in the last chunk. Another packet may be inserted there. */
  readonly end: number
}

export type PacketWatcher = {
  /** A packet begins: its length and its band have arrived. */
  onHead?(head: PacketHead): void
  /** A packet is complete. */
  onPacket?(packet: Packet): void
  /** What follows is not a packet. Nothing more is reported. */
  onBreak?(): void
}

/** Cuts a stream into packets, whatever its chunks are. It buffers one packet at most, which is 64 KiB. */
export class PacketReader {
  readonly #watchers: readonly PacketWatcher[]
  /** The length and the band of a packet, as far as they have arrived. */
  #head: Buffer = nothing
  /** A packet whose head has arrived, and how much of its payload has. */
  #open: { readonly band: number | undefined; readonly payload: Buffer; filled: number } | undefined
  #isBroken = false

  /** @param watchers called in this order */
  constructor(...watchers: readonly PacketWatcher[]) {
    this.#watchers = watchers
  }

  read(chunk: Buffer): void {
    for (let offset = 0; offset < chunk.length && !this.#isBroken;) {
      offset += this.#open ? this.#fill(chunk, offset) : this.#readHead(chunk, offset)
    }
  }

  /** @returns how many bytes it took */
  #readHead(chunk: Buffer, offset: number): number {
    const before = this.#head.length
    const more = chunk.subarray(offset, offset + headBytes - before)
    const head = (this.#head = before === 0 ? more : Buffer.concat([this.#head, more]))
    if (head.length < lengthBytes) return more.length
    const length = pktLength(head)
    if (length === undefined) return this.#break()
    if (length > lengthBytes && head.length < headBytes) return more.length
    this.#head = nothing
    const band = length > lengthBytes ? bandIn(head) : undefined
    const took = band === undefined ? lengthBytes : headBytes
    const size = Math.max(length - took, 0)
    for (const watcher of this.#watchers) watcher.onHead?.({ band, size, start: before === 0 ? offset : undefined })
    const start = offset + took - before
    if (length < lengthBytes) this.#tell({ band, payload: undefined, end: start })
    else if (start + size > chunk.length) this.#open = { band, payload: Buffer.allocUnsafe(size), filled: 0 }
    else return took - before + this.#tell({ band, payload: chunk.subarray(start, start + size), end: start + size })
    return took - before
  }

  /** @returns how many bytes it took */
  #fill(chunk: Buffer, offset: number): number {
    const { band, payload, filled } = this.#open!
    const count = chunk.copy(payload, filled, offset)
    this.#open!.filled += count
    if (filled + count < payload.length) return count
    this.#open = undefined
    this.#tell({ band, payload, end: offset + count })
    return count
  }

  /** @returns how many bytes its payload has */
  #tell(packet: Packet): number {
    for (const watcher of this.#watchers) watcher.onPacket?.(packet)
    return packet.payload?.length ?? 0
  }

  #break(): number {
    this.#isBroken = true
    for (const watcher of this.#watchers) watcher.onBreak?.()
    return 0
  }
}

const lengthBytes = 4
const headBytes = lengthBytes + 1
const nothing = Buffer.alloc(0)

function bandIn(head: Buffer): number | undefined {
  const band = head[lengthBytes]
  return band === reportBand || band === wordsBand || band === errorBand ? band : undefined
}

import type { Position } from './position.ts'

const maxBytes = 64 * 1024

const nothing = Buffer.alloc(0)

/** The last bytes of the journal's last segment, in memory: those who keep up need not read the disk. */
export class Tail {
  /** Whoever reads has a part of it: it is never written to. */
  #bytes: Buffer = nothing

  /** To be called with what was written at the end. */
  add(bytes: Buffer): void {
    this.#bytes = bytes.length > maxBytes ? nothing : Buffer.concat([this.#bytes, bytes]).subarray(-maxBytes)
  }

  /** To be called when a segment is begun. */
  clear(): void {
    this.#bytes = nothing
  }

  /** What there is from a place to the end; undefined where that is no longer here. */
  from({ segment, offset }: Position, end: Position): Buffer | undefined {
    const start = end.offset - this.#bytes.length
    const isHere = segment === end.segment && offset >= start && offset <= end.offset
    return isHere ? this.#bytes.subarray(offset - start) : undefined
  }
}

import { pktLength } from '@sluice/shared/pkt-line'

/**
 * Watches what receive-pack writes for its report: `unpack ok` and a line for each reference (gitprotocol-pack(5), "Report
 * Status"). git writes it when the references have moved and before post-receive runs, in band 1 where the client takes
 * side-bands, and else as its very first bytes. Bands 2 and 3 are the words of hooks and of git, and an empty packet in
 * band 1 is a sign of life (report() and KEEPALIVE_ALWAYS in builtin/receive-pack.c).
 */
export class PushReport {
  #begun = false
  #isOver = false
  /** Bytes of the packet that is going by. */
  #left = 0
  #head = Buffer.alloc(0)

  /** Whether the report has begun: what this push was to do is done, or has been refused. */
  get hasBegun(): boolean {
    return this.#begun
  }

  /** @param chunk the next bytes of git's output */
  readonly take = (chunk: Buffer): void => {
    for (let rest = chunk; rest.length > 0 && !this.#isOver;) {
      const passing = Math.min(this.#left, rest.length)
      this.#left -= passing
      rest = rest.subarray(passing)
      if (rest.length === 0) return
      const missing = headLength - this.#head.length
      this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      this.#readHead()
    }
  }

  /** A packet's length, and the byte behind it: its band, or the first of what it says. */
  #readHead(): void {
    const length = pktLength(this.#head)
    if (length === undefined && this.#head.length >= 4) {
      this.#isOver = true // Nothing of receive-pack's.
    } else if (length !== undefined && length <= 4) {
      this.#head = this.#head.subarray(4) // A flush, and the first byte of what follows.
    } else if (length !== undefined && this.#head.length === headLength) {
      const first = this.#head[4]
      this.#begun ||= (first === 1 && length > headLength) || first === 'u'.charCodeAt(0)
      this.#isOver = this.#begun
      this.#left = length - headLength
      this.#head = Buffer.alloc(0)
    }
  }
}

const headLength = 5

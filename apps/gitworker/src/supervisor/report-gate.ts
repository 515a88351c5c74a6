import { Writable } from 'node:stream'

/**
 * A push's output on its way to the client, which is held back at receive-pack's report until something is done that must
 * be true when the client reads it. Some clients close the connection once they have the report, and clone at once.
 *
 * receive-pack writes the report when the references have moved (builtin/receive-pack.c): in band 1, which has nothing
 * else, or as all of its output where the client takes no bands (gitprotocol-pack(5), "Report Status").
 */
export class ReportGate extends Writable {
  readonly #outgoing: Writable
  readonly #beforeReport: () => Promise<void>
  #isOpen = false
  /** The beginning of a packet that came in parts: its length, and its band. */
  #head = Buffer.alloc(0)
  /** What is still to come of a packet. */
  #left = 0

  /** @param beforeReport does not reject */
  constructor(outgoing: Writable, beforeReport: () => Promise<void>) {
    super()
    this.#outgoing = outgoing
    this.#beforeReport = beforeReport
    outgoing.once('close', () => this.destroy())
    if (outgoing.destroyed) this.destroy()
  }

  /** Resolves when all is passed on, the client is gone, or the signal is aborted. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.destroyed || signal.aborted) return
    const { promise: over, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    this.once('finish', resolve).once('close', resolve).end()
    await over
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#isOpen || !this.#hasReport(chunk)) return this.#pass(chunk, done)
    this.#isOpen = true
    void this.#beforeReport().then(() => this.#pass(chunk, done))
  }

  #pass(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return done()
    if (this.#outgoing.write(chunk)) return done()
    this.#outgoing.once('drain', done)
  }

  #hasReport(chunk: Buffer): boolean {
    let offset = Math.min(this.#left, chunk.length)
    this.#left -= offset
    while (offset < chunk.length) {
      const more = chunk.subarray(offset, offset + headBytes - this.#head.length)
      this.#head = Buffer.concat([this.#head, more])
      offset += more.length
      const length = parseInt(this.#head.toString('latin1', 0, 4), 16)
      if (length < headBytes && this.#head.length >= 4) {
        // A flush packet, which has no band.
        offset -= this.#head.length - 4
        this.#head = Buffer.alloc(0)
        continue
      }
      if (this.#head.length < headBytes) return false
      const band = this.#head[4]
      if (band !== progressBand && band !== errorBand) return true
      this.#head = Buffer.alloc(0)
      const rest = length - headBytes
      this.#left = Math.max(0, rest - (chunk.length - offset))
      offset += rest
    }
    return false
  }
}

/** Four digits and the number of a band. */
const headBytes = 5
const progressBand = 2
const errorBand = 3

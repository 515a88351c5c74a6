import { addAbortListener } from 'node:events'
import { Writable } from 'node:stream'
import type { GitReply } from './git-reply.ts'

/**
 * Passes a push's output on to the client, but holds receive-pack's report back until HEAD is set. Some clients close
 * the connection as soon as they have the report, and clone at once.
 *
 * receive-pack writes the report after it has updated the references (builtin/receive-pack.c). The report is in band 1,
 * which otherwise has only empty packets as keep-alives. For a client without side-bands, it is all of the output
 * (gitprotocol-pack(5), "Report Status").
 */
export class ReportGate extends Writable {
  readonly #outgoing: Writable
  readonly #beforeReport: () => Promise<void>
  readonly #reply: Pick<GitReply, 'mayHaveReported'>
  #isOpen = false

  /**
   * @param beforeReport awaited before the report is passed on; must not reject
   * @param reply must have been given each chunk before it is written here
   */
  constructor(outgoing: Writable, beforeReport: () => Promise<void>, reply: Pick<GitReply, 'mayHaveReported'>) {
    super()
    this.#reply = reply
    this.#outgoing = outgoing
    this.#beforeReport = beforeReport
    outgoing.once('close', () => this.destroy())
    if (outgoing.destroyed) this.destroy()
  }

  /** Resolves when all output is passed on, the client is gone, or the signal is aborted. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.destroyed || signal.aborted) return
    const { promise: over, resolve } = Promise.withResolvers<void>()
    using _leaving = addAbortListener(signal, () => resolve())
    this.once('finish', resolve).once('close', resolve).end()
    await over
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#isOpen || !this.#reply.mayHaveReported) return this.#pass(chunk, done)
    this.#isOpen = true
    void this.#beforeReport().then(() => this.#pass(chunk, done))
  }

  #pass(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return done()
    if (this.#outgoing.write(chunk)) return done()
    this.#outgoing.once('drain', done)
  }
}

import { addAbortListener } from 'node:events'
import { Writable } from 'node:stream'
import type { GitReply } from './git-reply.ts'

/**
 * A push's output on its way to the client, which is held back at receive-pack's report until something is done that must
 * be true when the client reads it. Some clients close the connection once they have the report, and clone at once.
 *
 * receive-pack writes the report when the references have moved (builtin/receive-pack.c): in band 1, which has nothing
 * else but empty packets as signs of life, or as all of its output where the client takes no bands (gitprotocol-pack(5),
 * "Report Status").
 */
export class ReportGate extends Writable {
  readonly #outgoing: Writable
  readonly #beforeReport: () => Promise<void>
  readonly #reply: Pick<GitReply, 'mayHaveReported'>
  #isOpen = false

  /**
   * @param beforeReport does not reject
   * @param reply has taken what is written here
   */
  constructor(outgoing: Writable, beforeReport: () => Promise<void>, reply: Pick<GitReply, 'mayHaveReported'>) {
    super()
    this.#reply = reply
    this.#outgoing = outgoing
    this.#beforeReport = beforeReport
    outgoing.once('close', () => this.destroy())
    if (outgoing.destroyed) this.destroy()
  }

  /** Resolves when all is passed on, the client is gone, or the signal is aborted. */
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

import { addAbortListener } from 'node:events'
import { Writable } from 'node:stream'
import type { GitReply } from './git-reply.ts'

/** A longer report is not held back as a whole, but only until so much of it has come. */
const maxHeldBytes = 1024 * 1024

/**
 * Passes a push's output on to the client, but holds receive-pack's report back until it is whole and what must come
 * before it is done: HEAD is set, the push is recorded, in a cluster this host is still the primary. Some clients close the connection as soon as they have the
 * report, and clone at once.
 *
 * receive-pack writes the report after it has updated the references (builtin/receive-pack.c). The report is in band 1,
 * which otherwise has only empty packets as keep-alives. For a client without side-bands, it is all of the output
 * (gitprotocol-pack(5), "Report Status").
 */
export class ReportGate extends Writable {
  readonly #outgoing: Writable
  readonly #beforeReport: () => Promise<boolean>
  readonly #reply: Pick<GitReply, 'reportFrom' | 'hasWholeReport'>
  #passedBytes = 0
  /** What has been held back, from the report's beginning. */
  #held: Buffer[] = []
  #heldBytes = 0
  #isOpen = false
  #isRefused = false

  /**
   * @param beforeReport awaited before the report is passed on: says whether it may be; must not reject
   * @param reply must have been given each chunk before it is written here
   */
  constructor(
    outgoing: Writable,
    beforeReport: () => Promise<boolean>,
    reply: Pick<GitReply, 'reportFrom' | 'hasWholeReport'>,
  ) {
    super()
    this.#reply = reply
    this.#outgoing = outgoing
    this.#beforeReport = beforeReport
    outgoing.once('close', () => this.destroy())
    if (outgoing.destroyed) this.destroy()
  }

  /** Whether the report, or its beginning, has been passed on. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether the report may not be passed on. Then nothing more is. */
  get isRefused(): boolean {
    return this.#isRefused
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
    const before = this.#isOpen ? Infinity : (this.#reply.reportFrom ?? Infinity) - this.#passedBytes
    if (before >= chunk.length) return this.#pass(chunk, done)
    if (before <= 0) return this.#hold(chunk, done)
    // What git and its hooks say does not wait, though it may have come together with the report.
    this.#pass(chunk.subarray(0, before), () => this.#hold(chunk.subarray(before), done))
  }

  #hold(chunk: Buffer, done: () => void): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (!this.#reply.hasWholeReport && this.#heldBytes < maxHeldBytes) return done()
    void this.#open(done)
  }

  /** git has ended within its report, or has written something else. */
  override _final(done: () => void): void {
    if (this.#held.length === 0) return done()
    void this.#open(done)
  }

  async #open(done: () => void): Promise<void> {
    const held = this.#held
    this.#held = []
    this.#isOpen = await this.#beforeReport()
    if (this.#isOpen) return this.#pass(held.length === 1 ? held[0]! : Buffer.concat(held), done)
    this.#isRefused = true
    this.destroy()
    done()
  }

  #pass(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return done()
    this.#passedBytes += chunk.length
    if (this.#outgoing.write(chunk)) return done()
    this.#outgoing.once('drain', done)
  }
}

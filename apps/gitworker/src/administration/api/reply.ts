import { once } from 'node:events'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Refusal } from '@sluice/shared/refusal/refusal'

/*
 * Replies of the administration. A short one is one object. A long one is a line for each object, as it comes
 * (application/x-ndjson); its last line is `{"result": …}` or `{"error": …}`, so that a reply that was cut short is not
 * taken for a whole one.
 *
 *   nothing sent ──line──▶ lines ──end, or fail: the last line──▶ ended
 *        └──end, or fail: one object──▶ ended
 */
const maxUnsentBytes = 64 * 1024

export class Reply {
  readonly #outgoing: ServerResponse

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
    outgoing.on('error', () => {})
  }

  /** Resolves when the client can take more. A client that is gone takes everything. */
  async line(object: object): Promise<void> {
    const outgoing = this.#outgoing
    if (!outgoing.headersSent) outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson', ...fresh })
    if (outgoing.writable && !outgoing.write(`${JSON.stringify(object)}\n`)) {
      await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')])
    }
  }

  /** A line of progress. A client that does not read misses some. */
  progress(line: string): void {
    if (this.#outgoing.writableLength < maxUnsentBytes) void this.line({ progress: line })
  }

  end(status: number, result: object): void {
    if (this.#outgoing.headersSent) this.#outgoing.end(`${JSON.stringify({ result })}\n`)
    else this.#send(status, result)
  }

  fail(error: unknown): void {
    const refusal = Refusal.from(error)
    const body = { error: { reason: refusal.reason, sentence: refusal.sentence } }
    if (this.#outgoing.headersSent) this.#outgoing.end(`${JSON.stringify(body)}\n`)
    else this.#send(refusal.status, body, refusal.headers)
  }

  #send(status: number, body: object, headers: OutgoingHttpHeaders = {}): void {
    const text = `${JSON.stringify(body)}\n`
    const length = Buffer.byteLength(text)
    this.#outgoing
      .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length, ...fresh, ...headers })
      .end(text)
  }
}

const fresh = { 'Cache-Control': 'no-store' }

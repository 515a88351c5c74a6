import { reasons } from './reasons.ts'
import type { Outcome } from './outcomes.ts'
import type { Reason } from './reasons.ts'

/** Seconds that a client should wait after a 429 or 503 (`Retry-After`, RFC 9110 section 10.2.3). */
const retryAfterSeconds = 1
const temporary: readonly number[] = [429, 503]

/** Thrown to answer a request with one of `reasons`. `cause` holds what only the log may show. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: Reason
  /** The sentence that the user reads: the table's, or one with details of this request. */
  readonly sentence: string
  readonly headers: Readonly<Record<string, string>>

  constructor(reason: Reason, detail: { sentence?: string; headers?: Record<string, string>; cause?: unknown } = {}) {
    super(reason, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.reason = reason
    this.sentence = detail.sentence ?? reasons[reason].sentence
    this.headers = {
      ...(temporary.includes(reasons[reason].status) && { 'Retry-After': String(retryAfterSeconds) }),
      ...detail.headers,
    }
  }

  get status(): number {
    return reasons[this.reason].status
  }

  get outcome(): Outcome {
    return reasons[this.reason].outcome
  }

  /**
   * Turns anything that was thrown into a refusal. An unforeseen error becomes `internal`, with itself as the cause.
   */
  static from(thrown: unknown): Refusal {
    return thrown instanceof Refusal ? thrown : new Refusal('internal', { cause: thrown })
  }
}

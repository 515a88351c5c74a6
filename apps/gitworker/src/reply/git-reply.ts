import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitReport } from '../process/worker-message.ts'
import { reasonInWords } from '../git/faults.ts'
import { LastPackets } from './last-packets.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { errorLines } from '../git/messages.ts'

/** Watches git's reply as it passes, and tells from it how the request ended. */
export type GitReply = {
  /** @returns what is to be sent in place of the chunk; undefined for the chunk itself */
  take(chunk: Buffer): Buffer | undefined
  /** Whether a push's report has begun. Its references are updated by then, or will never be. */
  readonly hasReported: boolean
  /** How many bytes are sent before a push's report. Undefined as long as the report has not begun. */
  readonly reportFrom: number | undefined
  /** Whether a push's report has passed as a whole. */
  readonly hasWholeReport: boolean
  /**
   * @param stderr called only where something went wrong
   * @returns what went wrong, which git has already told the client; undefined where nothing did
   */
  verdict(report: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined>
}

/** Why git did not do what was asked, and what it said about it. */
export type Verdict = { readonly refusal: Refusal; readonly said: string; readonly rejected?: string[] }

/** Records a failure that git itself has told the client. The reply is complete and is not changed. */
export function noteVerdict(record: RequestRecord, { refusal, said, rejected }: Verdict): void {
  record.refusal = refusal
  record.outcome = refusal.outcome
  if (said !== '') record.said = said
  if (rejected && rejected.length > 0) record.rejected = rejected
}

/** The reply to a fetch, or an advertisement. A push has a PushReply. */
export class FetchReply implements GitReply {
  readonly hasReported = false
  readonly reportFrom = undefined
  readonly hasWholeReport = false
  readonly #last = new LastPackets()

  take(chunk: Buffer): undefined {
    this.#last.take(chunk)
  }

  async verdict({ code }: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined> {
    if (code === 0) return undefined
    const words = `${await stderr()}\n${this.#last.text()}`
    return { refusal: new Refusal(reasonInWords(words) ?? 'git_failed'), said: errorLines(words) }
  }
}

import type { GitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitReport } from '../process/worker-message.ts'
import { reasonInWords } from '../git/faults.ts'
import { LastPackets } from './last-packets.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { errorLines } from '../git/messages.ts'
import { PushReply } from './push-reply.ts'

/** What a git has told its client, watched as it passes, and what that says about how the request ended. */
export type GitReply = {
  /** @returns what is to be sent in the chunk's place, where that is not the chunk */
  take(chunk: Buffer): Buffer | undefined
  /** Whether a push's report has begun: the references have moved, or will not. */
  readonly hasReported: boolean
  /** Whether what was taken last may hold the beginning of a push's report, or that has begun. */
  readonly mayHaveReported: boolean
  /**
   * @param stderr is asked for only where something went wrong
   * @returns what went wrong, as git has told it already; undefined where nothing did
   */
  verdict(report: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined>
}

/** Why git did not do what was asked, and what it said. */
export type Verdict = { readonly refusal: Refusal; readonly said: string; readonly rejected?: string[] }

/** @param maxPush the limit that was set for the repository, in bytes */
export function watchReply({ kind, service }: GitRequest, maxPush?: number): GitReply {
  return service === 'receive-pack' && kind === 'rpc' ? new PushReply(maxPush) : new FetchReply()
}

/** Notes what git has told the client itself: the reply is whole, and stays as it is. */
export function noteVerdict(record: RequestRecord, { refusal, said, rejected }: Verdict): void {
  record.refusal = refusal
  record.outcome = refusal.outcome
  if (said !== '') record.said = said
  if (rejected && rejected.length > 0) record.rejected = rejected
}

class FetchReply implements GitReply {
  readonly hasReported = false
  readonly mayHaveReported = false
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

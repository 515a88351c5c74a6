import { wordsBand } from '@sluice/shared/git/packet-reader'
import type { PacketWatcher } from '@sluice/shared/git/packet-reader'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { PushReport } from '@sluice/shared/git/push-report'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { tooLargeSentence } from '../capacity/push-room.ts'
import type { PushRoom } from '../capacity/push-room.ts'
import type { GitReport } from '../process/worker-message.ts'
import { reasonInWords, reasonOfReport } from '../git/faults.ts'
import { DefectHint } from './defect-hint.ts'
import type { Insertion } from './defect-hint.ts'
import type { GitReply, Verdict } from './git-reply.ts'
import { errorLines, printable } from '../git/messages.ts'

/**
 * receive-pack's reply. One pass over its packets finds everything: the verdict, where the report begins, and where
 * messages for the user are inserted.
 */
export class PushReply implements GitReply {
  readonly #hint = new DefectHint()
  readonly #report: PushReport
  readonly #room: PushRoom | undefined
  #sentBytes = 0
  #reportFrom: number | undefined

  /**
   * @param room how much the push may bring; undefined is no limit
   * @param watchers get each packet first
   */
  constructor(room?: PushRoom, ...watchers: readonly PacketWatcher[]) {
    this.#room = room
    this.#report = new PushReport(...watchers, this.#hint)
  }

  get hasReported(): boolean {
    return this.#report.hasBegun
  }

  get reportFrom(): number | undefined {
    return this.#reportFrom
  }

  get hasWholeReport(): boolean {
    return this.#report.isWhole
  }

  take(chunk: Buffer): Buffer | undefined {
    this.#report.read(chunk)
    const hint = this.#hint.take()
    const { tooLargeAt: at } = this.#report
    const message = at === undefined ? hint : { at, text: `\n${this.#tooLargeSentence}\n` }
    const sent = message && withMessage(chunk, message)
    if (this.#report.mayHaveBegun) this.#reportFrom ??= this.#sentBytes + this.#reportIn(chunk, message, sent)
    this.#sentBytes += (sent ?? chunk).length
    return sent
  }

  /** @returns where the report begins in what is sent for a chunk */
  #reportIn(chunk: Buffer, message: Insertion | undefined, sent: Buffer | undefined): number {
    const { begunAt = 0 } = this.#report
    return message && sent && message.at <= begunAt ? begunAt + sent.length - chunk.length : begunAt
  }

  async verdict({ code }: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined> {
    const { isGood, isWhole, unpack, error, words, rejected, rejectedCount } = this.#report
    if (code === 0 && isGood) return undefined
    const all = `${words}\n${await stderr()}`
    const reason = code === 0 && !isWhole && error === undefined ? this.#unreported(all) : this.#reason(code, all)
    if (reason === undefined) return undefined
    const lines = rejected.map(({ ref, why }) => printable(`${ref}: ${why}`))
    if (rejectedCount > lines.length) lines.push(`and ${rejectedCount - lines.length} more`)
    const unpacked = unpack === undefined || unpack === 'ok' ? '' : `\nerror: unpack: ${unpack}`
    const said = errorLines(error === undefined ? all + unpacked : `${all}\nfatal: ${error}`)
    return { refusal: this.#refusal(reason), said, rejected: lines }
  }

  /** For a client that has asked for no report: the reason can only be read from git's messages. */
  #unreported(words: string): Reason | undefined {
    return reasonInWords(words) ?? (/^(?:fatal|error): /m.test(words) ? 'push_rejected' : undefined)
  }

  #reason(code: number | null, words: string): Reason {
    const { unpack, rejected, isWhole, isGood, error } = this.#report
    if (isWhole && !isGood)
      return reasonOfReport(
        unpack ?? 'ok',
        rejected.map(({ why }) => why),
        words,
      )
    const fatal = error === undefined ? words : `${words}\nfatal: ${error}`
    return (code === 0 && error === undefined ? undefined : reasonInWords(fatal)) ?? 'git_failed'
  }

  #refusal(reason: Reason): Refusal {
    if (reason !== 'push_too_large') return new Refusal(reason)
    const isOfRepository = this.#room?.of === 'repository'
    return new Refusal(isOfRepository ? 'repository_full' : reason, { sentence: this.#tooLargeSentence })
  }

  get #tooLargeSentence(): string {
    return tooLargeSentence(this.#room, this.#report.tooLarge)
  }
}

/** Inserts a message for the user between two of git's packets. */
function withMessage(chunk: Buffer, { at, text }: Insertion): Buffer {
  const packet = Buffer.from(pktLine(`${String.fromCharCode(wordsBand)}${text}`))
  return Buffer.concat([chunk.subarray(0, at), packet, chunk.subarray(at)])
}

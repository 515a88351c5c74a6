import { wordsBand } from '@sluice/shared/git/packet-reader'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { PushReport } from '@sluice/shared/git/push-report'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Reason } from '@sluice/shared/refusal/reasons'
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
  readonly #report = new PushReport(this.#hint)
  readonly #maxPush: number | undefined

  /** @param maxPush the largest push that the repository takes, in bytes; undefined is no limit */
  constructor(maxPush?: number) {
    this.#maxPush = maxPush
  }

  get hasReported(): boolean {
    return this.#report.hasBegun
  }

  get mayHaveReported(): boolean {
    return this.#report.mayHaveBegun
  }

  take(chunk: Buffer): Buffer | undefined {
    this.#report.read(chunk)
    const hint = this.#hint.take()
    const { tooLargeAt: at } = this.#report
    const message = at === undefined ? hint : { at, text: `\n${this.#tooLargeSentence}\n` }
    return message && withMessage(chunk, message)
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
    return new Refusal(reason, reason === 'push_too_large' ? { sentence: this.#tooLargeSentence } : {})
  }

  get #tooLargeSentence(): string {
    const limit = this.#report.tooLarge || (this.#maxPush === undefined ? undefined : sizeOf(this.#maxPush))
    const than = limit === undefined ? 'what' : `the ${limit} that`
    return `This push is larger than ${than} may be pushed to this repository at once (SLUICE_MAX_PUSH, or receive.maxInputSize in the repository).`
  }
}

/** Inserts a message for the user between two of git's packets. */
function withMessage(chunk: Buffer, { at, text }: Insertion): Buffer {
  const packet = Buffer.from(pktLine(`${String.fromCharCode(wordsBand)}${text}`))
  return Buffer.concat([chunk.subarray(0, at), packet, chunk.subarray(at)])
}

function sizeOf(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(2).replace(/\.00$/, '')} ${unit}`
  }
  return `${bytes} bytes`
}

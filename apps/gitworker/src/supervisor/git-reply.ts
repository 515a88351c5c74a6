import type { GitRequest } from '@sluice/shared/git-request'
import { PushReport } from '@sluice/shared/push-report'
import { Refusal } from '@sluice/shared/refusal'
import type { Reason } from '@sluice/shared/refusal'
import type { GitReport } from '@sluice/shared/worker-message'
import { reasonInWords, reasonOfReport } from '../git/faults.ts'
import { LastPackets } from '../git/last-packets.ts'
import type { Account } from './account.ts'

const maxSaid = 2048

/** What a git has told its client, watched as it passes, and what that says about how the request ended. */
export type GitReply = {
  /** @returns what is to be sent in the chunk's place, where that is not the chunk */
  take(chunk: Buffer): Buffer | undefined
  /** Whether a push's report has begun: the references have moved, or will not. */
  readonly hasReported: boolean
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
export function noteVerdict(account: Account, { refusal, said, rejected }: Verdict): void {
  account.refusal = refusal
  account.outcome = refusal.outcome
  if (said !== '') account.said = said
  if (rejected && rejected.length > 0) account.rejected = rejected
}

class FetchReply implements GitReply {
  readonly hasReported = false
  readonly #last = new LastPackets()

  take(chunk: Buffer): undefined {
    this.#last.take(chunk)
  }

  async verdict({ code }: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined> {
    if (code === 0) return undefined
    const words = `${await stderr()}\n${this.#last.text()}`
    return { refusal: new Refusal(reasonInWords(words) ?? 'git_failed'), said: gitsWords(words) }
  }
}

class PushReply implements GitReply {
  readonly #report = new PushReport()
  readonly #maxPush: number | undefined

  constructor(maxPush: number | undefined) {
    this.#maxPush = maxPush
  }

  get hasReported(): boolean {
    return this.#report.hasBegun
  }

  take(chunk: Buffer): Buffer | undefined {
    this.#report.read(chunk)
    const { tooLargeAt: at } = this.#report
    if (at === undefined) return undefined
    const note = Buffer.from(`\n${this.#tooLargeSentence}\n`)
    const head = Buffer.from(`${(note.length + 5).toString(16).padStart(4, '0')}\u0002`, 'latin1')
    return Buffer.concat([chunk.subarray(0, at), head, note, chunk.subarray(at)])
  }

  async verdict({ code }: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<Verdict | undefined> {
    const { isGood, isWhole, unpack, error, words, rejected, rejectedCount } = this.#report
    if (code === 0 && isGood) return undefined
    const all = `${words}\n${await stderr()}`
    const reason = code === 0 && !isWhole && error === undefined ? this.#unreported(all) : this.#reason(code, all)
    if (reason === undefined) return undefined
    const lines = rejected.map(({ ref, why }) => plain(`${ref}: ${why}`))
    if (rejectedCount > lines.length) lines.push(`and ${rejectedCount - lines.length} more`)
    const unpacked = unpack === undefined || unpack === 'ok' ? '' : `\nerror: unpack: ${unpack}`
    const said = gitsWords(error === undefined ? all + unpacked : `${all}\nfatal: ${error}`)
    return { refusal: this.#refusal(reason), said, rejected: lines }
  }

  /** A client that has asked for no report (or for nothing at all) is told nothing; git's words are what there is. */
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

/** What git gives as reasons, without progress and without what hooks say: the last 2 KiB, harmless in a terminal. */
export function gitsWords(text: string): string {
  const lines = text.split(/[\n\r]/).filter((line) => /^(?:fatal|error): /.test(line))
  return plain([...new Set(lines)].join('; ')).slice(-maxSaid)
}

/** At most 2 KiB, with nothing that a terminal would take for an order. */
export function harmless(text: string): string {
  return plain(text).slice(0, maxSaid)
}

function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}

import { within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { LogFile } from './log-file.ts'

/*
 * The log of pushes (SLUICE_AUDIT_LOG), which is on the disk before a client reads what became of its push:
 *
 *              append()                   written and fsynced
 *     line ───────────────▶ waiting ─────────────────────────────▶ recorded
 *                              │ all that wait are one batch           ▲
 *                              │ the disk says no, or nothing          │ a line that tells of the gap could be written
 *                              ▼                                       │
 *                           failed: pushes are refused from now on ────┘
 *
 * While a batch is written, others wait for the next one. So many pushes that end at once share one fsync.
 */

/** A log that fails is tried again by pushes that come, this often at most. */
const retryMs = 1000

/** A disk that takes longer counts as one that fails: the client of a push waits for it. */
const writeMs = 10_000

/** How many lines may wait for a disk that does not answer. */
const maxWaiting = 1000

/** Less is too little for the records of the pushes that may run at once. */
const leastFreeBytes = 1024 * 1024

/** What is known of a log that failed. */
type Failure = { error: unknown; readonly since: string; lost: number; triedAt: number }

type Waiting = { readonly line: string; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** A file that lines are appended to: see LogFile. */
export type AppendedFile = AsyncDisposable & {
  open(): Promise<void>
  append(lines: readonly string[]): Promise<void>
}

export type AuditLogOptions = {
  readonly path: string
  /** What is free on the disk of the log; undefined where that is not known. */
  readonly freeBytes: () => Promise<number | undefined>
  readonly log: Logger
  /** Milliseconds for one write, for tests. */
  readonly writeWithin?: number
  /** Replaces the file in tests. */
  readonly file?: AppendedFile
}

export class AuditLog implements AsyncDisposable {
  /** How many records have been written. */
  written = 0
  /** How many could not be. They are in the host's own log. */
  failed = 0
  readonly #options: AuditLogOptions
  readonly #file: AppendedFile
  readonly #writeWithin: number
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #failure: Failure | undefined
  #trying: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()

  private constructor(options: AuditLogOptions, file: AppendedFile) {
    this.#options = options
    this.#file = file
    this.#writeWithin = options.writeWithin ?? writeMs
  }

  /** @throws where the file cannot be opened for writing */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const file = options.file ?? new LogFile(options.path)
    await file.open()
    return new AuditLog(options, file)
  }

  /**
   * To be called before anything of a push runs: finds out whether the log can be written, as far as that can be known.
   *
   * @throws {Refusal} `audit_unavailable`
   */
  async check(): Promise<void> {
    // A write that is under way will tell by itself.
    if (!this.#failure && !this.#writing) {
      await this.#inTime(this.#inTurn(() => this.#file.open())).catch((error: unknown) => void this.#fail(error))
    }
    await this.#checkDisk()
    if (this.#failure && performance.now() - this.#failure.triedAt >= retryMs) {
      const trying = (this.#trying ??= this.#tryAgain(this.#failure))
      await within(retryMs, trying, undefined)
    }
    if (this.#failure) throw new Refusal('audit_unavailable', { cause: this.#failure.error })
  }

  /**
   * Resolves when the line is on the disk.
   *
   * @param line one line of JSON, without a line feed
   * @throws where it could not be written in time. Pushes are refused from then on, until a write succeeds
   */
  async append(line: string): Promise<void> {
    try {
      if (this.#waiting.length >= maxWaiting) throw new Error('Too many records wait for the disk.')
      await this.#inTime(this.#queue(line))
      this.written++
    } catch (error) {
      this.#fail(error).lost++
      this.failed++
      throw error
    }
  }

  /** Waits until everything is written that was to be. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#writing) await this.#inTime(this.#writing).catch(() => {})
    await this.#inTime(this.#inTurn(async () => this.#file[Symbol.asyncDispose]())).catch(() => {})
  }

  #queue(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${line}\n`, resolve, reject })
      this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#inTurn(() => this.#file.append(batch.map(({ line }) => line)))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  /** The file is used by one at a time. */
  #inTurn(use: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(use)
    this.#last = turn.catch(() => {})
    return turn
  }

  /** @throws {Error} where the disk says nothing for too long. What was begun goes on */
  async #inTime(done: Promise<void>): Promise<void> {
    const late = new Error(`The disk has not answered for ${this.#writeWithin} ms.`)
    const how = await within(this.#writeWithin, done, late)
    if (how) throw how
  }

  /** A disk that is full is noticed before a record would be lost. */
  async #checkDisk(): Promise<void> {
    const free = await this.#options.freeBytes()
    if (free === undefined || free >= leastFreeBytes) return
    throw new Refusal('audit_unavailable', { cause: new Error(`${free} bytes are free for ${this.#options.path}.`) })
  }

  #fail(error: unknown): Failure {
    const { path, log } = this.#options
    if (!this.#failure) {
      log.error({ path, err: error }, 'the audit log cannot be written; pushes are refused until it can be')
    }
    this.#failure ??= { error, since: new Date().toISOString(), lost: 0, triedAt: 0 }
    Object.assign(this.#failure, { error, triedAt: performance.now() })
    return this.#failure
  }

  /** Writes a line about the gap, which also shows whether the log can be written. */
  async #tryAgain(failure: Failure): Promise<void> {
    const { path, log } = this.#options
    try {
      await this.#inTurn(() => this.#file.append([`${JSON.stringify(gapOf(failure))}\n`]))
      this.#failure = undefined
      log.info({ path, notRecorded: failure.lost }, 'the audit log can be written again')
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#trying = undefined
    }
  }
}

function gapOf({ since, lost }: Failure) {
  return { time: new Date().toISOString(), event: 'gap', since, notRecorded: lost }
}

import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { LogFile } from './log-file.ts'

/*
 * The log of pushes (SLUICE_AUDIT_LOG), which is on the disk before a client reads what became of its push:
 *
 *              append()                   written and fsynced
 *     line ───────────────▶ waiting ─────────────────────────────▶ recorded
 *                              │ all that wait are one batch           ▲
 *                              │ the disk says no                      │ a line that tells of the gap could be written
 *                              ▼                                       │
 *                           failed: pushes are refused from now on ────┘
 *
 * While a batch is written, others wait for the next one. So many pushes that end at once share one fsync.
 */

/** A log that fails is tried again by pushes that come, this often at most. */
const retryMs = 1000

/** Less is too little for the records of the pushes that may run at once. */
const leastFreeBytes = 1024 * 1024

/** What is known of a log that failed. */
type Failure = { readonly error: unknown; readonly since: string; lost: number; triedAt: number }

type Waiting = { readonly line: string; readonly resolve: () => void; readonly reject: (error: unknown) => void }

export type AuditLogOptions = {
  readonly path: string
  /** What is free on the disk of the log; undefined where that is not known. */
  readonly freeBytes: () => Promise<number | undefined>
  readonly log: Logger
}

export class AuditLog implements AsyncDisposable {
  /** How many records have been written. */
  written = 0
  /** How many could not be. They are in the host's own log. */
  failed = 0
  readonly #path: string
  readonly #freeBytes: AuditLogOptions['freeBytes']
  readonly #log: Logger
  readonly #file: LogFile
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #failure: Failure | undefined
  #trying: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()

  private constructor({ path, freeBytes, log }: AuditLogOptions, file: LogFile) {
    this.#path = path
    this.#freeBytes = freeBytes
    this.#log = log
    this.#file = file
  }

  /** @throws where the file cannot be opened for writing */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const file = new LogFile(options.path)
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
      await this.#inTurn(() => this.#file.open()).catch((error: unknown) => this.#fail(error, 0))
    }
    await this.#checkDisk()
    const failure = this.#failure
    if (!failure) return
    if (performance.now() - failure.triedAt >= retryMs) await (this.#trying ??= this.#tryAgain(failure))
    if (this.#failure) throw new Refusal('audit_unavailable', { cause: failure.error })
  }

  /** A disk that is full is noticed before a record would be lost. */
  async #checkDisk(): Promise<void> {
    const free = await this.#freeBytes()
    if (free === undefined || free >= leastFreeBytes) return
    throw new Refusal('audit_unavailable', { cause: new Error(`${free} bytes are free for ${this.#path}.`) })
  }

  /**
   * Resolves when the line is on the disk.
   *
   * @param line one line of JSON, without a line feed
   * @throws where it could not be written. Pushes are refused from then on, until a write succeeds
   */
  append(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${line}\n`, resolve, reject })
      this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    })
  }

  /** Waits until everything is written that was to be. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#inTurn(() => this.#file[Symbol.asyncDispose]())
  }

  /** The file is used by one at a time. */
  #inTurn(use: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(use)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#inTurn(() => this.#file.append(batch.map(({ line }) => line)))
        this.written += batch.length
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#fail(error, batch.length)
        for (const { reject } of batch) reject(error)
      }
    }
  }

  #fail(error: unknown, lost: number): void {
    this.failed += lost
    if (!this.#failure) {
      const line = { path: this.#path, err: error }
      this.#log.error(line, 'the audit log cannot be written; pushes are refused until it can be')
    }
    const since = this.#failure?.since ?? new Date().toISOString()
    this.#failure = { error, since, lost: (this.#failure?.lost ?? 0) + lost, triedAt: performance.now() }
  }

  /** Writes a line about the gap, which also shows whether the log can be written. */
  async #tryAgain({ since, lost }: Failure): Promise<void> {
    try {
      const gap = { time: new Date().toISOString(), event: 'gap', since, notRecorded: lost }
      await this.#inTurn(() => this.#file.append([`${JSON.stringify(gap)}\n`]))
      this.#failure = undefined
      this.#log.info({ path: this.#path, notRecorded: lost }, 'the audit log can be written again')
    } catch (error) {
      this.#fail(error, 0)
    } finally {
      this.#trying = undefined
    }
  }
}

import { within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { recordLine } from '../record/record-line.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { LastSegment, Position } from './position.ts'
import { SegmentWriter } from './segment-writer.ts'
import { Tail } from './tail.ts'

/*
 * The journal of events, to which records are appended:
 *
 *              append()                    written and fsynced
 *    records ───────────▶ waiting ────────────────────────────────▶ on the disk, and to be read
 *                            │ all that wait are one batch              ▲
 *                            │ the disk says no                         │ a new segment could be begun
 *                            ▼                                          │
 *                         failed: check() refuses new changes ──────────┘
 *
 * While a batch is written, others wait for the next one. So many pushes that end at once share one fsync. A segment that
 * is full, or that a write to has failed, is followed by a new one, which begins with all intents that are still open. So a
 * start needs to read no more than the last segment.
 */

const usualSegmentBytes = 4 * 2 ** 20

/** A disk that takes longer counts as one that fails. What was begun goes on. */
const writeMs = 10_000

const maxWaiting = 4096

/** A journal that fails is tried again by whoever comes, this often at most. */
const retryMs = 1000

/** Less is too little for what becomes of the pushes that may run at once. */
const leastFreeBytes = 4 * 2 ** 20

type Waiting = {
  readonly bytes: Buffer
  /** The id of the last event among them. */
  readonly lastId: string | undefined
  readonly done: PromiseWithResolvers<void>
}

export type JournalOptions = {
  readonly folder: string
  readonly log: Logger
  /** What is free on its disk; undefined where that is not known. */
  readonly freeBytes: () => Promise<number | undefined>
  /** What a new segment begins with. */
  readonly openRecords: () => readonly JournalRecord[]
  /** Where an earlier process has left off. */
  readonly last: LastSegment | undefined
  readonly segmentBytes?: number
}

export class Journal implements AsyncDisposable {
  readonly folder: string
  readonly #options: JournalOptions
  #writer: SegmentWriter | undefined
  #number: number
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown; triedAt: number } | undefined
  #end: Position
  #isClosed = false
  readonly #tail = new Tail()
  #lastEventId: string | undefined
  readonly #readers = new Set<() => void>()

  private constructor(options: JournalOptions) {
    this.folder = options.folder
    this.#options = options
    this.#number = options.last?.number ?? 0
    this.#end = { segment: this.#number, offset: options.last?.bytes ?? 0 }
    this.#lastEventId = options.last?.lastEventId
  }

  /** @throws where the folder cannot be written to */
  static async open(options: JournalOptions): Promise<Journal> {
    const journal = new Journal(options)
    const { folder, last } = options
    if (last) journal.#writer = await SegmentWriter.goOn(folder, last.number, last.bytes)
    else await journal.#beginSegment()
    return journal
  }

  /** Where the next record will be. Everything before it may be read. */
  get end(): Position {
    return this.#end
  }

  /**
   * To be called before anything is changed that must be told: finds out whether the journal can be written, as far as that
   * can be known.
   *
   * @throws {Refusal} `events_unavailable`
   */
  async check(): Promise<void> {
    if (this.#failure && performance.now() - this.#failure.triedAt >= retryMs) {
      this.#failure.triedAt = performance.now()
      await this.append([]).catch(() => {})
    }
    if (this.#failure) throw new Refusal('events_unavailable', { cause: this.#failure.error })
    const free = await this.#options.freeBytes()
    if (free === undefined || free >= leastFreeBytes) return
    throw new Refusal('events_unavailable', { cause: new Error(`${free} bytes are free for ${this.folder}.`) })
  }

  /** Resolves when the records are on the disk. @throws where they could not be written in time */
  async append(records: readonly JournalRecord[]): Promise<void> {
    if (this.#isClosed) throw new Error('The journal is closed.')
    if (this.#waiting.length >= maxWaiting) throw new Error('Too many records wait for the disk.')
    const done = Promise.withResolvers<void>()
    const last = records.findLast((record) => 'event' in record)
    this.#waiting.push({ bytes: Buffer.from(records.map(recordLine).join('')), lastId: last?.event.id, done })
    this.#writing ??= this.#writeAll()
    const late = new Error(`The disk has not answered for ${writeMs} ms.`)
    const how = await within(writeMs, done.promise, late)
    if (!how) return
    this.#fail(how)
    throw how
  }

  /** What there is from a place to the end, if it is in memory. */
  tailFrom(position: Position): Buffer | undefined {
    return this.#tail.from(position, this.#end)
  }

  /** Calls back when there is more to read. */
  onGrowth(callBack: () => void): Disposable {
    this.#readers.add(callBack)
    return { [Symbol.dispose]: () => void this.#readers.delete(callBack) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    if (this.#writing) await within(writeMs, this.#writing, undefined)
    await this.#writer?.[Symbol.asyncDispose]()
    this.#writer = undefined
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(Buffer.concat(batch.map(({ bytes }) => bytes)))
        this.#lastEventId = batch.findLast(({ lastId }) => lastId !== undefined)?.lastId ?? this.#lastEventId
        for (const { done } of batch) done.resolve()
      } catch (error) {
        this.#fail(error)
        for (const { done } of batch) done.reject(error)
      }
    }
    // In the turn in which nothing waited, so that nobody waits for a writer that has left.
    this.#writing = undefined
  }

  async #write(bytes: Buffer): Promise<void> {
    const { segmentBytes = usualSegmentBytes, log, folder } = this.#options
    const isFull = this.#writer && this.#writer.bytes > 0 && this.#writer.bytes + bytes.length > segmentBytes
    if (!this.#writer || isFull) await this.#beginSegment()
    const writer = this.#writer!
    if (bytes.length > 0) await writer.append(bytes)
    this.#tail.add(bytes)
    this.#end = { segment: writer.number, offset: writer.bytes }
    if (this.#failure) log.info({ folder }, 'the journal of events can be written again')
    this.#failure = undefined
    for (const callBack of this.#readers) callBack()
  }

  /** After a failed fsync(2), nobody knows what the next one would say about the same file: so it is left. */
  async #beginSegment(): Promise<void> {
    const before = this.#writer
    this.#writer = undefined
    await before?.[Symbol.asyncDispose]()
    const open = this.#options.openRecords()
    const records = [{ begins: { after: this.#lastEventId ?? null, open: open.length } }, ...open]
    const writer = await SegmentWriter.begin(this.folder, this.#number + 1, records)
    this.#number++
    this.#writer = writer
    this.#tail.clear()
    this.#end = { segment: writer.number, offset: writer.bytes }
  }

  #fail(error: unknown): void {
    const { folder, log } = this.#options
    if (!this.#failure) {
      log.error({ folder, err: error }, 'the journal of events cannot be written; changes are refused until it can be')
    }
    this.#failure = { error, triedAt: performance.now() }
    const writer = this.#writer
    this.#writer = undefined
    void writer?.[Symbol.asyncDispose]()
  }
}

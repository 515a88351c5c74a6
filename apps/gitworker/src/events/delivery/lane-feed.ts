import type { Logger } from '@sluice/shared/telemetry/log'
import type { Journal } from '../journal/journal.ts'
import { compare, isBefore } from '../journal/position.ts'
import type { Position } from '../journal/position.ts'
import { readEvents } from '../journal/read-records.ts'
import type { Event } from '../record/event.ts'

/*
 * What a receiver is to be sent, read from the journal. The cursor runs along it. Each repository that has something for the
 * receiver gets a lane, which holds one event:
 *
 *   cursor ──an event of a repository without a lane──▶ lane ──over──▶ the repository's next event, up to the cursor
 *      └──an event of one with a lane: passed over                       └─ there is none ─▶ no lane
 *
 * So what waits is in the journal, not in memory. Where there is no lane left, the cursor waits.
 */

const mostLanes = 64

/** One event of a repository, which comes before all others of it. */
export type Lane = {
  readonly repository: string
  readonly at: Position
  readonly next: Position
  readonly event: Event
  /** How often it has failed. */
  attempts: number
}

export type FeedOptions = {
  readonly name: string
  readonly journal: Journal
  readonly log: Logger
  readonly wants: (event: Event) => boolean
  /** Called with each event whose turn it is. */
  readonly onLane: (lane: Lane) => void
  readonly onMoved: () => void
}

export class LaneFeed implements AsyncDisposable {
  readonly #options: FeedOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #growth: Disposable
  #cursor: Position
  #reading: Promise<void> | undefined
  #mayHaveMore = false
  #isOver = false

  constructor(cursor: Position, options: FeedOptions) {
    this.#cursor = cursor
    this.#options = options
    this.#growth = options.journal.onGrowth(() => this.readOn())
  }

  get cursor(): Position {
    return this.#cursor
  }

  /** From the oldest. */
  get lanes(): Lane[] {
    return [...this.#lanes.values()].toSorted((one, other) => compare(one.at, other.at))
  }

  /** Whether an event of a repository is still to be sent. */
  isWaiting(at: Position, repository: string): boolean {
    const lane = this.#lanes.get(repository)
    return !isBefore(at, this.#cursor) || (lane !== undefined && !isBefore(at, lane.at))
  }

  /** Reads on in the journal, if that is not being done already. */
  readOn(): void {
    this.#mayHaveMore = true
    if (this.#isOver) return
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
      if (this.#mayHaveMore && this.#lanes.size < mostLanes) setImmediate(() => this.readOn())
    })
  }

  /** To be called when the event of a lane is over. */
  async goOn({ repository, next }: Lane): Promise<void> {
    await this.fill(repository, next)
    this.#options.onMoved()
    if (this.#mayHaveMore) this.readOn()
  }

  /** Gives a repository's lane its next event between a place and the cursor. Without one, it has no lane. */
  async fill(repository: string, from: Position): Promise<void> {
    const { journal, wants } = this.#options
    // The cursor may pass over others meanwhile.
    for (let start = from; isBefore(start, this.#cursor);) {
      const end = this.#cursor
      for await (const { event, at, next } of readEvents(journal, start, end, repository)) {
        if (event.repository === repository && wants(event))
          return this.#begin({ repository, at, next, event, attempts: 0 })
      }
      start = end
    }
    this.#lanes.delete(repository)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#growth[Symbol.dispose]()
    await this.#reading
  }

  /** Moves the cursor on, until all lanes are taken or there is no more. Never rejects. */
  async #read(): Promise<void> {
    this.#mayHaveMore = false
    const { name, journal, log, wants, onMoved } = this.#options
    const { end } = journal
    try {
      for await (const { event, at, next } of readEvents(journal, this.#cursor, end)) {
        if (this.#isOver || this.#lanes.size >= mostLanes) return void (this.#mayHaveMore = true)
        this.#cursor = next
        const { repository } = event
        if (!this.#lanes.has(repository) && wants(event)) this.#begin({ repository, at, next, event, attempts: 0 })
      }
      this.#cursor = end
      onMoved()
    } catch (err) {
      log.error({ err, receiver: name }, 'the journal of events cannot be read')
    }
  }

  #begin(lane: Lane): void {
    this.#lanes.set(lane.repository, lane)
    this.#options.onLane(lane)
  }
}

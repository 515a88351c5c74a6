import { Backlog } from './backlog.ts'
import { Intake } from './intake.ts'
import type { Producer } from './intake.ts'
import { PackReader } from './pack-reader.ts'
import { Spool } from './spool.ts'
import type { SpoolFolder } from './spool-folder.ts'

/*
 * What one producer writes, and those who read it.
 *
 *   direct ──a second reader joins──▶ spooling ──whole, and written──▶ finished
 *     │ │                                │                               ▲ ▲
 *     │ └──4 MiB passed on──▶ live ◀─────┘ the disk fails, or is full    │ │
 *     │                        └───────────whole, and passed on──────────┘ │
 *     └───────────────────────────whole────────────────────────────────────┘
 *
 *   direct, spooling, live ──the producer fails, or the last reader leaves──▶ failed
 *
 * direct: one reader gets everything as it comes; the backlog has all of it, so that a second may still join.
 * spooling: everything goes to the spool, and each reader gets it from there; the backlog has what is not yet written.
 * live: what was spooled is read from there to its end; the backlog, which begins there, and all that comes after it go to
 *   all readers at once, at the pace of the slowest. Nobody may join.
 * finished: what was spooled may be read and joined until it is dropped.
 * failed: nothing is left; every reader gets the error.
 */

export type ProductionState = 'direct' | 'spooling' | 'live' | 'finished' | 'failed'

export type ProductionOptions = {
  readonly folder: SpoolFolder
  /** Known to be wanted twice: spooled from its first byte. */
  readonly isSpooled: boolean
  /** Whether nobody may join who does not by the time that it begins. */
  readonly isClosed: boolean
  /** How far the producer may be ahead of the reader that is furthest. */
  readonly maxAheadBytes: number
  /** Its state, or who reads it, has changed. */
  readonly onChange: (production: Production) => void
  /** The spool cannot be written, or read. */
  readonly onDiskProblem: (error: Error) => void
}

/** How much of a direct stream is kept so that another reader can join it. */
export const maxBeginningBytes = 4 * 1024 * 1024

/** What may wait for the disk. */
const maxUnwrittenBytes = 1024 * 1024

export class Production {
  readonly producer: Producer
  readonly #options: ProductionOptions
  readonly #intake: Intake
  readonly #readers = new Set<PackReader>()
  readonly #backlog = new Backlog()
  #state: ProductionState
  #spool: Spool | undefined
  #isWriting = false
  #isWhole = false
  #isDropped: boolean
  #error: Error | undefined
  #produced = 0
  /** How far any reader has ever come. */
  #furthest = 0

  constructor(producer: Producer, options: ProductionOptions) {
    this.producer = producer
    this.#options = options
    this.#state = options.isSpooled ? 'spooling' : 'direct'
    this.#isDropped = options.isClosed
    this.#intake = new Intake(producer, {
      onChunk: (chunk) => this.#onChunk(chunk),
      onWhole: (use) => {
        this.#isWhole = true
        if (use === 'forget') this.drop()
        this.#finishIfDone()
      },
      onFailure: (error) => this.#fail(error),
    })
  }

  get state(): ProductionState {
    return this.#state
  }

  get readers(): number {
    return this.#readers.size
  }

  get spooledBytes(): number {
    return this.#spool?.bytes ?? 0
  }

  /** How many bytes it has; undefined until that is known. */
  get totalBytes(): number | undefined {
    return this.#state === 'finished' ? this.#produced : undefined
  }

  get isOver(): boolean {
    return this.#state === 'finished' || this.#state === 'failed'
  }

  /** Whether everything from the first byte on is to be had. */
  get isJoinable(): boolean {
    if (this.#isDropped) return false
    if (this.#state === 'finished') return this.#spool !== undefined
    return this.#state === 'direct' || this.#state === 'spooling'
  }

  /** Another reader, while it is joinable. The second one has everything go to disk. */
  join(): PackReader {
    const reader = new PackReader(this)
    this.#readers.add(reader)
    if (this.#state === 'direct' && this.#readers.size > 1) this.#state = 'spooling'
    this.#options.onChange(this)
    return reader
  }

  /** The last reader to leave takes an unfinished production with it. */
  leave(reader: PackReader): void {
    this.#readers.delete(reader)
    if (!this.isOver && this.#readers.size === 0) return this.#fail(new Error('Nobody reads this pack any more.'))
    this.#closeIfUnwanted()
    this.#proceed()
    this.#options.onChange(this)
  }

  /** A reader has come further, or takes more. */
  advance(reader: PackReader): void {
    this.#furthest = Math.max(this.#furthest, reader.position)
    this.#proceed()
  }

  /** Nobody may join any more, and what is spooled goes away with the last reader. */
  drop(): void {
    this.#isDropped = true
    this.#closeIfUnwanted()
    this.#options.onChange(this)
  }

  /** Ends it at once, whoever reads. */
  close(error: Error): void {
    this.#fail(error)
  }

  /** Whether a reader that has so many bytes has all. @throws the error of a production that failed */
  isWholeAt(position: number): boolean {
    if (this.#error) throw this.#error
    return this.#state === 'finished' && position === this.#produced
  }

  /** Reads on from `position`, which is less than `spooledBytes`. @returns how many bytes */
  async readSpool(buffer: Buffer, position: number): Promise<number> {
    try {
      return await this.#spool!.read(buffer, position)
    } catch (error) {
      this.drop()
      this.#options.onDiskProblem(error as Error)
      throw error
    }
  }

  #onChunk(chunk: Buffer): void {
    this.#backlog.push(chunk)
    this.#produced += chunk.length
    if (this.#state === 'direct') {
      this.#passOn(chunk, this.#produced - chunk.length)
      if (this.#backlog.bytes > maxBeginningBytes) this.#becomeLive()
    }
    this.#proceed()
  }

  /** Does what can be done now, in any state. */
  #proceed(): void {
    switch (this.#state) {
      case 'direct':
        return this.#intake.flow(this.#areAllReady())
      case 'spooling': {
        if (this.#backlog.bytes > 0 && !this.#isWriting) void this.#write()
        const isAhead = this.#produced - this.#furthest >= this.#options.maxAheadBytes
        return this.#intake.flow(this.#backlog.bytes < maxUnwrittenBytes && !isAhead)
      }
      case 'live':
        this.#passBacklogOn()
        this.#finishIfDone()
        return this.#intake.flow(this.#areAllReady())
      case 'finished':
      case 'failed':
    }
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    try {
      while (this.#state === 'spooling' && this.#backlog.bytes > 0) {
        this.#spool ??= new Spool(this.#options.folder)
        await this.#spool.append(this.#backlog.chunks)
        this.#backlog.dropUntil(this.spooledBytes)
        this.#wakeAll()
        this.#proceed()
      }
    } catch (error) {
      if (this.#state === 'spooling') {
        this.#options.onDiskProblem(error as Error)
        this.#becomeLive()
        this.#proceed()
      }
    } finally {
      this.#isWriting = false
    }
    this.#finishIfDone()
  }

  #becomeLive(): void {
    this.#state = 'live'
    // From now on, what is spooled is not all.
    this.#isDropped = true
    this.#backlog.dropUntil(Math.min(...[...this.#readers].map((reader) => reader.position)))
    this.#options.onChange(this)
  }

  #areAllReady(): boolean {
    for (const reader of this.#readers) if (!reader.isReady) return false
    return true
  }

  #passBacklogOn(): void {
    while (this.#areAllReady()) {
      this.#closeSpool()
      const position = this.#backlog.start
      const chunk = this.#backlog.shift()
      if (!chunk) return
      this.#passOn(chunk, position)
    }
  }

  /** Gives each reader what it does not have yet. */
  #passOn(chunk: Buffer, position: number): void {
    // Whoever is beyond the spool got there in whole chunks.
    for (const reader of this.#readers) if (reader.position <= position) reader.take(chunk)
  }

  #finishIfDone(): void {
    if (this.isOver || !this.#isWhole) return
    if (this.#state !== 'direct' && this.#backlog.bytes > 0) return
    this.#end('finished')
  }

  #fail(error: Error): void {
    if (this.#state === 'failed') return
    this.#error = error
    this.#intake.stop()
    this.#closeSpool()
    this.#end('failed')
  }

  #end(state: 'finished' | 'failed'): void {
    this.#state = state
    this.#backlog.clear()
    this.#wakeAll()
    this.#options.onChange(this)
  }

  #wakeAll(): void {
    for (const reader of this.#readers) reader.wake()
  }

  #closeIfUnwanted(): void {
    if (this.#state === 'finished' && this.#isDropped && this.#readers.size === 0) this.#closeSpool()
  }

  #closeSpool(): void {
    this.#spool?.close()
    this.#spool = undefined
  }
}

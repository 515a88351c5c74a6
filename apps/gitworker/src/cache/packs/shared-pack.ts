import { ChunkQueue } from './chunk-queue.ts'
import { PackSource } from './pack-source.ts'
import type { Producer } from './pack-source.ts'
import { PackReader } from './pack-reader.ts'
import { Spool } from './spool.ts'
import { SpoolBudgetError } from './spool-folder.ts'
import type { SpoolFolder } from './spool-folder.ts'

/*
 * What one producer writes, and those who read it.
 *
 *   direct ──a second reader joins, or its reader is slow──▶ spooling ──whole, and written──▶ finished
 *     │ │                                                      │  ▲                            ▲ ▲
 *     │ │                       the disk fails, or is full, or │  │ the reader is slow         │ │
 *     │ │                       a slow reader's part is used up▼  │                            │ │
 *     │ └──4 MiB passed on───────────────────────────────────▶ live ──whole, and passed on─────┘ │
 *     └────────────────────────────────────────whole─────────────────────────────────────────────┘
 *
 *   direct, spooling, live ──the producer fails, or the last reader leaves──▶ failed
 *
 * direct: one reader gets everything as it comes; the queue has all of it, so that a second may still join.
 * spooling: everything goes to the spool, and each reader gets it from there; the queue has what is not yet written. So
 *   the producer runs at the disk's pace. A spool for a slow reader begins where that one is, and nobody may join.
 * live: what was spooled is read from there to its end; the queue, which begins there, and all that comes after it go to
 *   all readers at once, at the pace of the slowest. Nobody may join.
 * finished: what was spooled may be read and joined until it is dropped.
 * failed: nothing is left; every reader gets the error.
 */

export type PackState = 'direct' | 'spooling' | 'live' | 'finished' | 'failed'

export type SharedPackOptions = {
  /** For what several read. */
  readonly folder: SpoolFolder
  /** For what a producer writes ahead of a slow reader. */
  readonly aheadFolder: SpoolFolder
  /** Known to be wanted twice: spooled from its first byte. */
  readonly isSpooled: boolean
  /** Whether nobody may join who does not by the time that it begins. */
  readonly isClosed: boolean
  /** Whether it has one reader, and never another: nothing is remembered for one that may join. */
  readonly isForOne?: boolean
  /** How far the producer may be ahead of the reader that is furthest, unless there is much room. */
  readonly maxAheadBytes: number
  /** What the producer may write to disk at a time ahead of a slow reader. */
  readonly maxSlowBytes: number
  /** Its state, or who reads it, has changed. */
  readonly onChange: (pack: SharedPack) => void
  /** The spool cannot be written, or read. */
  readonly onDiskProblem: (error: Error) => void
}

/** How much of a direct stream is kept so that another reader can join it. */
export const maxJoinableBytes = 4 * 1024 * 1024

/** What may wait for the disk. */
const maxUnwrittenBytes = 1024 * 1024

export class SharedPack {
  readonly producer: Producer
  readonly #options: SharedPackOptions
  readonly #source: PackSource
  readonly #readers = new Set<PackReader>()
  readonly #queue = new ChunkQueue()
  #state: PackState
  #spool: Spool | undefined
  /** How far into the stream the first byte of the spool is. */
  #spoolStart = 0
  /** Whether what is spooled is for slow readers alone. */
  #isForSlow = false
  #isWriting = false
  #isWhole = false
  #isDropped: boolean
  #error: Error | undefined
  #produced = 0
  /** How far any reader has ever come. */
  #furthest = 0

  constructor(producer: Producer, options: SharedPackOptions) {
    this.producer = producer
    this.#options = options
    this.#state = options.isSpooled ? 'spooling' : options.isForOne ? 'live' : 'direct'
    this.#isDropped = options.isClosed
    this.#source = new PackSource(producer, {
      onChunk: (chunk) => this.#onChunk(chunk),
      onWhole: (use) => {
        this.#isWhole = true
        if (use === 'forget') this.drop()
        this.#finishIfDone()
      },
      onFailure: (error) => this.#fail(error),
    })
  }

  get state(): PackState {
    return this.#state
  }

  get readers(): number {
    return this.#readers.size
  }

  get spooledBytes(): number {
    return this.#spool?.bytes ?? 0
  }

  /** How far into the stream the spool goes; 0 without one. What lies before it is read from there. */
  get spooledUntil(): number {
    return this.#spool ? this.#spoolStart + this.#spool.bytes : 0
  }

  /** How many bytes the producer has written. */
  get produced(): number {
    return this.#produced
  }

  /** Whose pace the producer is held to now: those who have not taken what they were given, and whom it waits for. */
  get heldBackBy(): readonly PackReader[] {
    if (this.isOver || this.#isWhole || !this.#source.isPaused) return []
    if (this.#state !== 'spooling') return [...this.#readers].filter((reader) => reader.hasBegun && !reader.isReady)
    return this.#isFarAhead && this.#queue.bytes < maxUnwrittenBytes ? [...this.#readers] : []
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

  /** The last reader to leave takes an unfinished pack with it. */
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

  /**
   * Its readers are slow: from where they are, everything goes to disk, so that the producer need not wait for them.
   * Changes nothing where there is no room, or where something is on disk already that is still to be read.
   */
  runAhead(): void {
    if ((this.#state !== 'direct' && this.#state !== 'live') || this.#spool || this.#isWhole) return
    if (!this.#options.aheadFolder.hasRoomFor(maxUnwrittenBytes)) return
    this.#isForSlow = true
    this.#isDropped = true
    this.#state = 'spooling'
    this.#dropRead()
    this.#spoolStart = this.#queue.start
    this.#options.onChange(this)
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

  /** Whether a reader that has so many bytes has all. @throws the error of a pack that failed */
  isWholeAt(position: number): boolean {
    if (this.#error) throw this.#error
    return this.#state === 'finished' && position === this.#produced
  }

  /** Reads on from `position`, which is less than `spooledUntil`. @returns how many bytes */
  async readSpool(buffer: Buffer, position: number): Promise<number> {
    try {
      return await this.#spool!.read(buffer, position - this.#spoolStart)
    } catch (error) {
      this.drop()
      this.#options.onDiskProblem(error as Error)
      throw error
    }
  }

  #onChunk(chunk: Buffer): void {
    this.#queue.push(chunk)
    this.#produced += chunk.length
    if (this.#state === 'direct') {
      this.#passOn(chunk, this.#produced - chunk.length)
      if (this.#queue.bytes > maxJoinableBytes) this.#becomeLive()
    }
    this.#proceed()
  }

  /** Does what can be done now, in any state. */
  #proceed(): void {
    switch (this.#state) {
      case 'direct':
        return this.#source.flow(this.#areAllReady())
      case 'spooling': {
        if (this.#queue.bytes > 0 && !this.#isWriting) void this.#write()
        return this.#source.flow(this.#queue.bytes < maxUnwrittenBytes && !this.#isFarAhead)
      }
      case 'live':
        this.#passQueueOn()
        this.#finishIfDone()
        return this.#source.flow(this.#areAllReady())
      case 'finished':
      case 'failed':
    }
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    try {
      while (this.#state === 'spooling' && this.#queue.bytes > 0) {
        if (this.#isForSlow && this.spooledBytes + this.#queue.bytes > this.#options.maxSlowBytes) {
          throw new SpoolBudgetError(`The ${this.#options.maxSlowBytes} bytes for one slow reader are used up.`)
        }
        this.#spool ??= new Spool(this.#isForSlow ? this.#options.aheadFolder : this.#options.folder)
        await this.#spool.append(this.#queue.chunks)
        this.#queue.dropUntil(this.spooledUntil)
        this.#wakeAll()
        this.#proceed()
      }
    } catch (error) {
      if (this.#state === 'spooling') {
        // Slow readers may use up what they have: then git keeps to their pace, and nothing is wrong with the disk.
        const isExpected = this.#isForSlow && error instanceof SpoolBudgetError
        if (!isExpected) this.#options.onDiskProblem(error as Error)
        if (this.spooledBytes === 0) this.#closeSpool()
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
    this.#dropRead()
    this.#options.onChange(this)
  }

  /** Forgets what all readers have been given. */
  #dropRead(): void {
    this.#queue.dropUntil([...this.#readers].reduce((least, { position }) => Math.min(least, position), Infinity))
  }

  get #isFarAhead(): boolean {
    const { maxAheadBytes, folder } = this.#options
    return !this.#isForSlow && this.#produced - this.#furthest >= maxAheadBytes && !folder.isRoomy
  }

  #areAllReady(): boolean {
    for (const reader of this.#readers) if (!reader.isReady) return false
    return true
  }

  #passQueueOn(): void {
    while (this.#areAllReady()) {
      this.#closeSpool()
      const position = this.#queue.start
      const chunk = this.#queue.shift()
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
    if (this.#state !== 'direct' && this.#queue.bytes > 0) return
    this.#end('finished')
  }

  #fail(error: Error): void {
    if (this.#state === 'failed') return
    this.#error = error
    this.#source.stop()
    this.#closeSpool()
    this.#end('failed')
  }

  #end(state: 'finished' | 'failed'): void {
    this.#state = state
    this.#queue.clear()
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

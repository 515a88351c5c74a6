import { ChunkQueue } from './chunk-queue.ts'
import { Lead } from './run-ahead.ts'
import type { PackReader } from './pack-reader.ts'
import { PackSource } from './pack-source.ts'
import type { Producer } from './pack-source.ts'
import { maxJoinableBytes, maxUnwrittenBytes } from './pack-stream-options.ts'
import type { PackStreamEvents, PackStreamOptions } from './pack-stream-options.ts'
import { ReaderSet } from './reader-set.ts'
import { SpoolBudgetError } from '../spool/spool-folder.ts'
import { SpoolWriter } from './spool-writer.ts'

/*
 *   direct ──a second reader joins, or its reader is slow──▶ spooling ──whole, and written──▶ finished
 *     │ │                                                      │  ▲                            ▲ ▲
 *     │ │                       the disk fails, or is full, or │  │ the reader is slow         │ │
 *     │ │                a slow reader's part of it is used up ▼  │                            │ │
 *     │ └──4 MiB passed on───────────────────────────────────▶ live ──whole, and passed on─────┘ │
 *     └────────────────────────────────────────whole─────────────────────────────────────────────┘
 *
 *   direct, spooling, live ──the producer fails, or the last reader leaves──▶ failed
 *
 * direct: there is one reader, which gets each chunk as it comes. The queue keeps everything, so that a second one can join.
 * spooling: everything goes to disk, and each reader reads it from there. The queue has what is not yet written. So the
 *   producer runs at the disk's pace. A spool for a slow reader begins at that reader's position, so that nobody can join.
 * live: readers read what is on disk, and then get everything after it at once, at the pace of the slowest. The queue begins
 *   where the spool ends. Nobody can join.
 * finished: what is on disk can be read, and joined if it is all of the pack, until it is dropped.
 * failed: nothing is left, and every reader gets the error.
 */

export type PackState = 'direct' | 'spooling' | 'live' | 'finished' | 'failed'

/** How the output of one producer gets to its readers. */
export class PackStream {
  readonly readers = new ReaderSet()
  readonly spool: SpoolWriter
  readonly lead: Lead
  readonly #options: PackStreamOptions
  readonly #events: PackStreamEvents
  readonly #source: PackSource
  readonly #queue = new ChunkQueue()
  #state: PackState
  /** Whether what is on disk is for slow readers only. */
  #isForSlow = false
  /** Whether the first bytes are gone, so that nobody can join. */
  #hasLostStart = false
  #isWhole = false
  #error: Error | undefined

  constructor(producer: Producer, options: PackStreamOptions, events: PackStreamEvents) {
    this.#options = options
    this.#events = events
    this.#state = options.isSpooled ? 'spooling' : options.isForOne ? 'live' : 'direct'
    this.lead = new Lead(options.maxAheadBytes, options.folder)
    this.spool = new SpoolWriter(this.#queue, options.folder, {
      isWanted: () => this.#state === 'spooling',
      onWritten: () => {
        this.readers.wakeAll()
        this.proceed()
      },
      onFailure: (error) => this.#doWithoutDisk(error),
      onIdle: () => this.#finishIfDone(),
    })
    this.#source = new PackSource(producer, {
      onChunk: (chunk) => this.#onChunk(chunk),
      onWhole: (use) => {
        this.#isWhole = true
        events.onWhole(use)
        this.#finishIfDone()
      },
      onFailure: (error) => this.fail(error),
    })
  }

  get state(): PackState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#state === 'finished' || this.#state === 'failed'
  }

  /** Whether a new reader can get everything from the first byte on. */
  get hasAll(): boolean {
    if (this.#hasLostStart) return false
    if (this.#state === 'finished') return this.spool.hasSpool
    return this.#state === 'direct' || this.#state === 'spooling'
  }

  /** The readers that the producer waits for now. */
  get heldBackBy(): readonly PackReader[] {
    if (this.isOver || this.#isWhole || !this.#source.isPaused) return []
    if (this.#state !== 'spooling') return this.readers.notReady
    return this.#isFarAhead && this.#queue.bytes < maxUnwrittenBytes ? this.readers.all : []
  }

  /** Whether a reader at this position has everything. @throws the error of a stream that failed */
  isWholeAt(position: number): boolean {
    if (this.#error) throw this.#error
    return this.#state === 'finished' && position === this.lead.produced
  }

  /** With a second reader, everything goes to disk. */
  add(reader: PackReader): void {
    this.readers.add(reader)
    if (this.#state === 'direct' && this.readers.size > 1) this.#state = 'spooling'
  }

  /** A reader has come further, or can take more. */
  advance(reader: PackReader): void {
    this.lead.reach(reader.position)
    this.proceed()
  }

  /**
   * Lets the producer run ahead of slow readers: everything after their position goes to disk. Changes nothing if there is no
   * room, or if there is something on disk that they have yet to read.
   */
  runAhead(): void {
    if ((this.#state !== 'direct' && this.#state !== 'live') || this.spool.hasSpool || this.#isWhole) return
    const { aheadFolder, maxSlowBytes } = this.#options
    if (!aheadFolder.hasRoomFor({ spools: 1, bytes: maxUnwrittenBytes })) return
    this.#isForSlow = true
    this.#enter('spooling')
    this.spool.moveTo(aheadFolder, maxSlowBytes)
    this.proceed()
  }

  fail(error: Error): void {
    if (this.#state === 'failed') return
    this.#error = error
    this.#source.stop()
    this.spool.close()
    this.#end('failed')
  }

  /** Does whatever can be done now. */
  proceed(): void {
    switch (this.#state) {
      case 'direct':
        return this.#source.flow(this.readers.areAllReady())
      case 'spooling':
        this.spool.write()
        return this.#source.flow(this.#queue.bytes < maxUnwrittenBytes && !this.#isFarAhead)
      case 'live':
        // Readers that are ready have read everything on disk.
        if (this.readers.areAllReady()) this.spool.close()
        this.readers.takeFrom(this.#queue)
        this.#finishIfDone()
        return this.#source.flow(this.readers.areAllReady())
      case 'finished':
      case 'failed':
    }
  }

  #onChunk(chunk: Buffer): void {
    this.#queue.push(chunk)
    this.lead.produce(chunk.length)
    if (this.#state === 'direct') {
      this.readers.passOn(chunk, this.lead.produced - chunk.length)
      if (this.#queue.bytes > maxJoinableBytes) this.#enter('live')
    }
    this.proceed()
  }

  #doWithoutDisk(error: Error): void {
    // Where slow readers have used up their part of the disk, git keeps to their pace. Nothing is wrong with the disk.
    const isExpected = this.#isForSlow && error instanceof SpoolBudgetError
    if (!isExpected) this.#options.onDiskProblem(error)
    if (this.spool.bytes === 0) this.spool.close()
    this.#enter('live')
    this.proceed()
  }

  /** Enters a state in which what all readers have is forgotten. */
  #enter(state: 'spooling' | 'live'): void {
    this.#state = state
    this.#hasLostStart = true
    this.#queue.dropUntil(this.readers.leastPosition)
    this.#events.onStateChange()
  }

  #finishIfDone(): void {
    if (this.isOver || !this.#isWhole) return
    if (this.#state !== 'direct' && this.#queue.bytes > 0) return
    this.#end('finished')
  }

  #end(state: 'finished' | 'failed'): void {
    this.#state = state
    this.#queue.clear()
    this.readers.wakeAll()
    this.#events.onStateChange()
  }

  get #isFarAhead(): boolean {
    return !this.#isForSlow && this.lead.isTooLong
  }
}

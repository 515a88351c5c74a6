import { PackReader } from './stream/pack-reader.ts'
import type { ReadablePack } from './stream/pack-reader.ts'
import type { Producer } from './stream/pack-source.ts'
import { PackStream } from './stream/pack-stream.ts'
import type { PackState } from './stream/pack-stream.ts'
import { maxUnwrittenBytes } from './stream/pack-stream-options.ts'
import type { PackStreamOptions } from './stream/pack-stream-options.ts'
import type { Room } from './spool/spool-folder.ts'

export type SharedPackOptions = PackStreamOptions & {
  /** Whether nobody may join after it has begun. */
  readonly isClosed: boolean
  /** Its state has changed, or who reads it. */
  readonly onChange: (pack: SharedPack) => void
}

/** What one producer writes, with those who read it: who may join, and how long it is kept. */
export class SharedPack implements ReadablePack {
  readonly producer: Producer
  readonly #stream: PackStream
  readonly #options: SharedPackOptions
  #isDropped: boolean

  constructor(producer: Producer, options: SharedPackOptions) {
    this.producer = producer
    this.#options = options
    this.#isDropped = options.isClosed
    this.#stream = new PackStream(producer, options, {
      onStateChange: () => options.onChange(this),
      onWhole: (use) => {
        if (use === 'forget') this.drop()
      },
    })
  }

  get state(): PackState {
    return this.#stream.state
  }

  get isOver(): boolean {
    return this.#stream.isOver
  }

  /** The number of its readers. */
  get readers(): number {
    return this.#stream.readers.size
  }

  /** The number of bytes that the producer has written. */
  get produced(): number {
    return this.#stream.lead.produced
  }

  /** How many bytes it has; undefined until that is known. */
  get totalBytes(): number | undefined {
    return this.state === 'finished' ? this.produced : undefined
  }

  get spooledBytes(): number {
    return this.#stream.spool.bytes
  }

  /** The position up to which it is read from disk; 0 if nothing is on disk. */
  get spooledUntil(): number {
    return this.#stream.spool.end
  }

  /** The readers that the producer waits for now. */
  get heldBackBy(): readonly PackReader[] {
    return this.#stream.heldBackBy
  }

  /** The readers that other readers wait for now: the producer goes at the pace of all. */
  get heldUpBy(): readonly PackReader[] {
    return this.state === 'live' ? this.#stream.readers.holdingUp : []
  }

  /** Whether another reader can have everything from the first byte on. */
  get isJoinable(): boolean {
    return !this.#isDropped && this.#stream.hasAll
  }

  /**
   * What room there must be on disk for another reader: for all that may be in memory at the next write, and for one more.
   * Nobody knows how much will come.
   */
  get roomToJoin(): Room {
    const unwritten = Math.max(this.#stream.spool.unwrittenBytes, maxUnwrittenBytes)
    return { spools: this.#stream.spool.hasSpool ? 0 : 1, bytes: unwritten + maxUnwrittenBytes }
  }

  /** Another reader. Only while it is joinable, or for those for whom it was started. */
  join(): PackReader {
    const reader = new PackReader(this)
    this.#stream.add(reader)
    this.#options.onChange(this)
    return reader
  }

  /** The last reader to leave an unfinished pack ends it. */
  leave(reader: PackReader): void {
    this.#stream.readers.remove(reader)
    if (!this.isOver && this.readers === 0) return this.close(new Error('Nobody reads this pack any more.'))
    this.#closeIfUnwanted()
    this.#stream.proceed()
    this.#options.onChange(this)
  }

  /** A reader has come further, or can take more. */
  advance(reader: PackReader): void {
    this.#stream.advance(reader)
  }

  /** Lets the producer run ahead of slow readers, to disk, if there is room. */
  runAhead(): void {
    this.#stream.runAhead()
  }

  /** From now on nobody can join, and what is on disk goes with the last reader. */
  drop(): void {
    this.#isDropped = true
    this.#closeIfUnwanted()
    this.#options.onChange(this)
  }

  /** Ends it at once, whoever reads it. */
  close(error: Error): void {
    this.#stream.fail(error)
  }

  /** Whether a reader at this position has everything. @throws the error of a pack that failed */
  isWholeAt(position: number): boolean {
    return this.#stream.isWholeAt(position)
  }

  /** Reads from a position before `spooledUntil`. @returns the number of bytes that were read */
  async readSpool(buffer: Buffer, position: number): Promise<number> {
    try {
      return await this.#stream.spool.read(buffer, position)
    } catch (error) {
      this.drop()
      this.#options.onDiskProblem(error as Error)
      throw error
    }
  }

  #closeIfUnwanted(): void {
    const isUnwanted = this.readers === 0 && (this.#isDropped || !this.#stream.hasAll)
    if (this.state === 'finished' && isUnwanted) this.#stream.spool.close()
  }
}

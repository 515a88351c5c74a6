import { LRUCache } from 'lru-cache'
import { SingleFlight, letGo } from './single-flight.ts'
import type { Start } from './single-flight.ts'
import type { Producer } from './pack-source.ts'
import type { PackReader } from './pack-reader.ts'
import { SharedPack } from './shared-pack.ts'
import type { SharedPackOptions } from './shared-pack.ts'
import { lookEveryMs, SlowReaders } from './slow-readers.ts'
import type { SlowReadersOptions } from './slow-readers.ts'
import { prepareSpoolFolder, SpoolBudgetError, SpoolFolder } from './spool-folder.ts'

export type PackCacheOptions = {
  /** For the spools: a folder of its own, on a disk. */
  readonly folder: string
  /** What all packs that several read may take of the disk together; undefined where none is shared. */
  readonly budgetBytes?: number | undefined
  /** What all that is written ahead of slow readers may take of it together; undefined for nothing. */
  readonly aheadBytes?: number | undefined
  /** What becomes of slow readers. */
  readonly slowReaders?: SlowReadersOptions
  /** How long a spool may be joined after it is whole. Whatever is read, nothing that was once true is kept for longer. */
  readonly lifeMs?: number
  /** How far a producer may be ahead of the fastest of its readers. */
  readonly maxAheadBytes?: number
  /** The disk cannot be used, which is said once for each time that the cache does without it. */
  readonly onProblem: (message: string) => void
}

const defaultLifeMs = 5 * 60_000
const defaultMaxAheadBytes = 256 * 1024 * 1024

/** Which part of the disk for slow readers one of them may have. */
const largestPart = 1 / 4

/** How long the cache does without its disk after a problem with it. */
const offMs = 60_000

const maxRemembered = 10_000
const rememberedForMs = 5 * 60_000

/**
 * Packs that are asked for at the same time, or again soon: identical requests share one producer, and each reads at its
 * own pace. What only one asks for goes straight through and leaves nothing on disk, unless its reader is slow: then its
 * producer runs ahead to disk, and does not wait for it.
 *
 * Who waits for a producer to be started gets what git says after that. Who comes later joins only if the repository is in
 * the state that it was in just before the start: then git would say the same now.
 */
export class PackCache implements AsyncDisposable {
  /** Requests that joined another one's producer, or were answered from a finished spool. */
  hits = 0
  /** Producers that were started. */
  misses = 0
  readonly #options: PackCacheOptions
  readonly #folder: SpoolFolder
  readonly #aheadFolder: SpoolFolder
  readonly #slowReaders: SlowReaders
  #lookTimer: NodeJS.Timeout | undefined
  readonly #flights = new Map<string, SingleFlight>()
  readonly #joinable = new Map<string, SharedPack>()
  /** All that run or are read. */
  readonly #inUse = new Set<SharedPack>()
  /** Finished spools that nobody reads: the least recently used one first. */
  readonly #idle = new Set<SharedPack>()
  /** What ends the life of each finished spool. */
  readonly #lives = new Map<SharedPack, NodeJS.Timeout>()
  readonly #askedFor = new LRUCache<string, true>({ max: maxRemembered, ttl: rememberedForMs, ttlResolution: 0 })
  #offTimer: NodeJS.Timeout | undefined
  #diskFailsUntil = 0
  #isClosed = false

  get usesDisk(): boolean {
    return usesDisk(this.#options)
  }

  get folder(): string {
    return this.#options.folder
  }

  /** Makes the folder, if need be; removes what an earlier cache left in it. */
  static async open(options: PackCacheOptions): Promise<PackCache> {
    const path = usesDisk(options) ? await prepareSpoolFolder(options.folder) : options.folder
    return new PackCache(options, path)
  }

  private constructor(options: PackCacheOptions, path: string) {
    this.#options = options
    this.#folder = new SpoolFolder(path, options.budgetBytes ?? 0, () => this.#evict())
    // Everything in there is read: nothing of it can make room.
    this.#aheadFolder = new SpoolFolder(path, options.aheadBytes ?? 0, () => false)
    this.#slowReaders = new SlowReaders(options.slowReaders ?? asTheyLike)
  }

  /** What is on disk. */
  get bytes(): number {
    return this.#folder.bytes
  }

  get spools(): number {
    return this.#folder.spools
  }

  /** What is on disk ahead of slow readers. */
  get aheadBytes(): number {
    return this.#aheadFolder.bytes
  }

  get readers(): number {
    return this.#countReaders(() => true)
  }

  /** Those whose producer has ended: they hold nothing but what they read. */
  get readersAlone(): number {
    return this.#countReaders(({ isOver }) => isOver)
  }

  #countReaders(ofThese: (pack: SharedPack) => boolean): number {
    return this.#inUse.values().reduce((sum, one) => sum + (ofThese(one) ? one.readers : 0), 0)
  }

  /**
   * Joins the pack with this key, or starts one. A `start` is called at most once, and for all who wait by then; it
   * must obey its own signal, not that of the request, which may leave while others wait. If it rejects, that is the error
   * of the one who gave it alone, and the next one's is called.
   *
   * @param key whatever the pack depends on beside the repository
   * @param stateNow which state the repository is in now; undefined while that is not known
   * @param signal ends the wait
   */
  async read(key: string, stateNow: () => number | undefined, start: Start, signal: AbortSignal): Promise<PackReader> {
    signal.throwIfAborted()
    if (this.#isClosed) throw closed()
    const pack = this.#joinable.get(key)
    // Without the disk, a second reader would be tied to the pace of the first.
    if (pack && !(pack.state === 'direct' && this.#isOff)) {
      if (pack.producer.state === stateNow()) {
        this.hits++
        return pack.join()
      }
      pack.drop()
    }
    const flight = this.#flights.get(key) ?? this.#startFlight(key)
    return await flight.wait(start, signal)
  }

  /**
   * Reads what is nobody else's. Its producer does not wait for a slow reader either.
   *
   * @param signal is what `start` gets
   */
  async readAlone(start: Start, signal: AbortSignal): Promise<PackReader> {
    if (this.#isClosed) throw closed()
    const producer = await start(signal)
    if (signal.aborted || this.#isClosed) {
      letGo(producer)
      throw (signal.reason as Error | undefined) ?? closed()
    }
    const pack = this.#open(producer, { isSpooled: false, isClosed: true, isForOne: true }, (changed) =>
      this.#noteUse(changed),
    )
    return pack.join()
  }

  /** Drops all packs that were made in a state that no repository is in any more. Those who read one go on. */
  forget(state: number): void {
    for (const pack of this.#joinable.values()) if (pack.producer.state === state) pack.drop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#offTimer)
    clearInterval(this.#lookTimer)
    for (const flight of this.#flights.values()) flight.close(closed())
    for (const pack of [...this.#inUse, ...this.#idle]) pack.close(closed())
    await Promise.all([this.#folder.closed(), this.#aheadFolder.closed()])
  }

  get #isOff(): boolean {
    return this.#offTimer !== undefined
  }

  #startFlight(key: string): SingleFlight {
    const flight = new SingleFlight(
      (producer, count) => this.#produce(key, producer, count),
      () => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      },
    )
    if (!this.#isOff) this.#flights.set(key, flight)
    return flight
  }

  #produce(key: string, producer: Producer, count: number): () => PackReader {
    this.misses++
    this.hits += count - 1
    const isClosed = producer.state === undefined
    const isWantedAgain = this.#askedFor.has(key) && !this.#isOff
    this.#askedFor.set(key, true)
    const isSpooled = isWantedAgain && !isClosed
    const pack = this.#open(producer, { isSpooled, isClosed }, (changed) => this.#onChange(key, changed))
    if (!isClosed) this.#joinable.set(key, pack)
    return () => pack.join()
  }

  #open(
    producer: Producer,
    kind: Pick<SharedPackOptions, 'isSpooled' | 'isClosed' | 'isForOne'>,
    onChange: (pack: SharedPack) => void,
  ): SharedPack {
    this.#lookTimer ??= setInterval(() => this.#look(), lookEveryMs).unref()
    return new SharedPack(producer, {
      ...kind,
      folder: this.#folder,
      aheadFolder: this.#aheadFolder,
      maxAheadBytes: this.#options.maxAheadBytes ?? defaultMaxAheadBytes,
      maxSlowBytes: Math.floor((this.#options.aheadBytes ?? 0) * largestPart),
      onChange,
      onDiskProblem: (error) => this.#turnOff(error),
    })
  }

  #look(): void {
    const atWork = [...this.#inUse].filter(({ isOver }) => !isOver)
    const mayRunAhead = this.#options.aheadBytes !== undefined && performance.now() >= this.#diskFailsUntil
    this.#slowReaders.look(atWork, mayRunAhead)
    if (atWork.length > 0) return
    clearInterval(this.#lookTimer)
    this.#lookTimer = undefined
  }

  #onChange(key: string, pack: SharedPack): void {
    if (!pack.isJoinable && this.#joinable.get(key) === pack) this.#joinable.delete(key)
    this.#boundLife(pack)
    this.#noteUse(pack)
    this.#idle.delete(pack)
    if (!this.#inUse.has(pack) && pack.isJoinable) this.#idle.add(pack)
  }

  #noteUse(pack: SharedPack): void {
    if (!pack.isOver || pack.readers > 0) this.#inUse.add(pack)
    else this.#inUse.delete(pack)
  }

  /** From when it is whole: the clock runs on, whoever reads it. */
  #boundLife(pack: SharedPack): void {
    const isAlive = pack.state === 'finished' && pack.isJoinable
    const timer = this.#lives.get(pack)
    if (isAlive && !timer) {
      const life = this.#options.lifeMs ?? defaultLifeMs
      this.#lives.set(pack, setTimeout(() => pack.drop(), life).unref())
    } else if (!isAlive && timer) {
      clearTimeout(timer)
      this.#lives.delete(pack)
    }
  }

  /** Removes the spool whose last reader left longest ago. @returns whether there was one */
  #evict(): boolean {
    const [oldest] = this.#idle
    oldest?.drop()
    return oldest !== undefined
  }

  #turnOff(error: Error): void {
    // What shared packs may take has nothing to do with slow readers.
    if (!(error instanceof SpoolBudgetError)) this.#diskFailsUntil = performance.now() + offMs
    if (this.#isOff || this.#isClosed) return
    this.#offTimer = setTimeout(() => (this.#offTimer = undefined), offMs).unref()
    this.#options.onProblem(`Packs are not cached for ${offMs / 1000} s: ${error.message}`)
  }
}

function usesDisk({ budgetBytes, aheadBytes }: PackCacheOptions): boolean {
  return budgetBytes !== undefined || aheadBytes !== undefined
}

const asTheyLike: SlowReadersOptions = {
  isWaitedFor: () => false,
  minBytesPerSecond: 0,
  windowMs: 0,
  tooSlow: () => new Error('Too slow.'),
}

function closed(): Error {
  return new Error('The cache of packs was closed.')
}

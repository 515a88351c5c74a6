import { LRUCache } from 'lru-cache'
import { DiskBreaker } from './spool/disk-breaker.ts'
import { FinishedPacks } from './finished-packs.ts'
import { defaultLifeMs, defaultMaxAheadBytes, largestPart, remembered, usesDisk } from './pack-cache-options.ts'
import type { PackCacheOptions } from './pack-cache-options.ts'
import type { PackReader } from './stream/pack-reader.ts'
import type { Producer } from './stream/pack-source.ts'
import { leastRoom } from './stream/pack-stream-options.ts'
import { PacksInUse } from './packs-in-use.ts'
import { SharedPack } from './shared-pack.ts'
import type { SharedPackOptions } from './shared-pack.ts'
import { letGo, SingleFlight } from './single-flight.ts'
import type { Start } from './single-flight.ts'
import { noneIsTooSlow, SlowReaders } from './slow-readers.ts'
import { prepareSpoolFolder, SpoolFolder } from './spool/spool-folder.ts'

/**
 * Shares packs between clients that ask for the same at the same time, or soon after: see README.md.
 *
 * Those who wait for a producer to be started get what it writes. Those who come later join only if the repository is still
 * in the state that it was in just before the start, so that git would write the same now.
 */
export class PackCache implements AsyncDisposable {
  /** Requests that joined another one's producer, or read a finished pack. */
  hits = 0
  /** Producers that were started for requests with a key. */
  misses = 0
  readonly #options: PackCacheOptions
  readonly #folder: SpoolFolder
  readonly #aheadFolder: SpoolFolder
  readonly #disk: DiskBreaker
  /** By the key that is shared, or by a symbol of its own if nobody else may wait there. */
  readonly #flights = new Map<string | symbol, SingleFlight>()
  readonly #joinable = new Map<string, SharedPack>()
  readonly #inUse: PacksInUse
  readonly #finished: FinishedPacks
  readonly #askedFor = new LRUCache<string, true>(remembered)
  #isClosed = false

  /** Makes the folder if need be, and removes what an earlier cache left in it. */
  static async open(options: PackCacheOptions): Promise<PackCache> {
    const path = usesDisk(options) ? await prepareSpoolFolder(options.folder) : options.folder
    return new PackCache(options, path)
  }

  private constructor(options: PackCacheOptions, path: string) {
    this.#options = options
    this.#disk = new DiskBreaker(options.onProblem)
    this.#finished = new FinishedPacks(options.lifeMs ?? defaultLifeMs)
    this.#folder = new SpoolFolder(path, options.budgetBytes ?? 0, () => this.#finished.evict())
    // Everything in it is being read, so nothing can make room.
    this.#aheadFolder = new SpoolFolder(path, options.aheadBytes ?? 0, () => false)
    const mayRunAhead = () => options.aheadBytes !== undefined && !this.#disk.isFailing
    this.#inUse = new PacksInUse(new SlowReaders(options.slowReaders ?? noneIsTooSlow), mayRunAhead)
  }

  get usesDisk(): boolean {
    return usesDisk(this.#options)
  }

  get folder(): string {
    return this.#options.folder
  }

  /** The disk space that shared packs take. */
  get bytes(): number {
    return this.#folder.bytes
  }

  get spools(): number {
    return this.#folder.spools
  }

  /** The disk space that is taken by what was written ahead of slow readers. */
  get aheadBytes(): number {
    return this.#aheadFolder.bytes
  }

  get readers(): number {
    return this.#inUse.readers
  }

  /** The number of readers whose producer has ended: they hold nothing but what they read. */
  get readersAlone(): number {
    return this.#inUse.readersAlone
  }

  /**
   * Joins the pack with this key, or starts a producer. `start` is called at most once, on behalf of everybody who waits by
   * then; so it must obey its own signal and not the request's, which may end while others wait. If it rejects, only the one
   * who gave it gets the error, and the next one's `start` is called.
   *
   * @param key everything that the pack depends on besides the repository
   * @param stateNow the present state of the repository; undefined while it is not known
   * @param signal ends the wait
   */
  async read(key: string, stateNow: () => number | undefined, start: Start, signal: AbortSignal): Promise<PackReader> {
    signal.throwIfAborted()
    if (this.#isClosed) throw closed()
    const pack = this.#joinable.get(key)
    if (pack && pack.producer.state !== stateNow()) pack.drop()
    else if (pack && this.#mayJoin(pack)) {
      this.hits++
      return pack.join()
    }
    const flight = this.#flights.get(key) ?? this.#newFlight(key)
    return await flight.wait(start, signal)
  }

  /**
   * Reads what nobody else may read. Its producer does not wait for a slow reader either.
   *
   * @param signal is passed to `start`
   */
  async readAlone(start: Start, signal: AbortSignal): Promise<PackReader> {
    if (this.#isClosed) throw closed()
    const producer = await start(signal)
    if (signal.aborted || this.#isClosed) {
      letGo(producer)
      throw (signal.reason as Error | undefined) ?? closed()
    }
    const onChange = (changed: SharedPack) => this.#inUse.note(changed)
    return this.#newPack(producer, { isSpooled: false, isClosed: true, isForOne: true, onChange }).join()
  }

  /** Drops all packs that were made in a state that no repository is in any more. Their readers go on. */
  forget(state: number): void {
    for (const pack of this.#joinable.values()) if (pack.producer.state === state) pack.drop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#disk[Symbol.dispose]()
    for (const flight of this.#flights.values()) flight.close(closed())
    this.#inUse.close(closed())
    this.#finished.close(closed())
    await Promise.all([this.#folder.closed(), this.#aheadFolder.closed()])
  }

  /** Without the disk, a second reader would be tied to the pace of the first. */
  #mayJoin(pack: SharedPack): boolean {
    if (pack.state === 'finished') return true
    return !(pack.state === 'direct' && this.#disk.isOff) && this.#hasRoomFor(pack.roomToJoin)
  }

  #hasRoomFor(more: SharedPack['roomToJoin']): boolean {
    return this.#folder.hasRoomFor(more) || this.#folder.hasRoomFor(more, this.#finished.removable)
  }

  #newFlight(key: string): SingleFlight {
    const isShared = !this.#disk.isOff && !this.#joinable.has(key) && this.#hasRoomFor(leastRoom)
    const place = isShared ? key : Symbol('alone')
    const flight = new SingleFlight(
      (producer, count) => this.#land(key, producer, count),
      () => {
        if (this.#flights.get(place) === flight) this.#flights.delete(place)
      },
    )
    this.#flights.set(place, flight)
    return flight
  }

  /** A producer has been started for so many requests. @returns what makes a reader for each of them */
  #land(key: string, producer: Producer, count: number): () => PackReader {
    this.misses++
    this.hits += count - 1
    // Where there was no room to join a pack that is the same, this one takes neither the room of that one nor its place.
    const isClosed = producer.state === undefined || this.#joinable.get(key)?.producer.state === producer.state
    const isWantedAgain = !isClosed && this.#askedFor.has(key)
    const isSpooled = isWantedAgain && !this.#disk.isOff && this.#hasRoomFor(leastRoom)
    this.#askedFor.set(key, true)
    const pack = this.#newPack(producer, { isSpooled, isClosed, onChange: (changed) => this.#note(key, changed) })
    if (!isClosed) this.#joinable.set(key, pack)
    return () => pack.join()
  }

  #newPack(
    producer: Producer,
    kind: Pick<SharedPackOptions, 'isSpooled' | 'isClosed' | 'isForOne' | 'onChange'>,
  ): SharedPack {
    return new SharedPack(producer, {
      ...kind,
      folder: this.#folder,
      aheadFolder: this.#aheadFolder,
      maxAheadBytes: this.#options.maxAheadBytes ?? defaultMaxAheadBytes,
      maxSlowBytes: Math.floor((this.#options.aheadBytes ?? 0) * largestPart),
      onDiskProblem: (error) => this.#disk.trip(error),
    })
  }

  #note(key: string, pack: SharedPack): void {
    if (!pack.isJoinable && this.#joinable.get(key) === pack) this.#joinable.delete(key)
    this.#inUse.note(pack)
    this.#finished.note(pack)
  }
}

function closed(): Error {
  return new Error('The cache of packs was closed.')
}

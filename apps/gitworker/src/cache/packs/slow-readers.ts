import { HoldUps } from './hold-ups.ts'
import type { PackReader } from './stream/pack-reader.ts'
import type { Producer } from './stream/pack-source.ts'
import type { SharedPack } from './shared-pack.ts'

/*
 * A git holds its slot until everything that it writes has been taken. So git must not have to wait for slow readers. Twice
 * a second, each pack is looked at whose producer waits for its readers:
 *
 *   it waits at two looks, and little was taken in between, or a request is queued for its slot
 *     ──▶ the producer runs ahead, to disk
 *   there is no room on disk, and a request is queued for its slot
 *     ──▶ among the packs whose readers have all taken too little for a whole window, the slowest one loses its readers;
 *         the next one follows later, if its slot is still wanted
 *
 *   there is no room on disk, and readers of one pack wait for another one of its readers
 *     ──▶ if it keeps them waiting for too long, it is ended: see hold-ups.ts
 *
 * What a reader takes goes first into the buffers on the way to its client, which hold megabytes. So a slow reader may look
 * slower than it is. That is why the pace since the producer first had to wait decides which pack is the slowest.
 */

export type SlowReadersOptions = {
  /** Whether a request is queued for the slot that this producer holds. */
  readonly isWaitedFor: (producer: Producer) => boolean
  /** What a reader must take while that is so; 0 is no limit. */
  readonly minBytesPerSecond: number
  /** Milliseconds over which that is measured. */
  readonly windowMs: number
  /** The error that ends a reader that takes less. */
  readonly tooSlow: () => Error
}

export const noneIsTooSlow: SlowReadersOptions = {
  isWaitedFor: () => false,
  minBytesPerSecond: 0,
  windowMs: 0,
  tooSlow: () => new Error('Too slow.'),
}

export const lookEveryMs = 500

/** A reader that takes this much between two looks is about as fast as a disk. */
const fastBytes = 8 * 1024 * 1024

/** How long it may take until the slot of a reader that was ended is free. */
const restMs = 1000

type Sample = { readonly at: number; readonly position: number }

/** How the producer of a pack has been held back, up to the last look. */
type Held = {
  readonly produced: number
  /** At how many looks in a row a request was queued for its slot. */
  readonly waitedFor: number
  /** The readers that held it back at every look, with their positions: the oldest first. */
  readonly readers: ReadonlyMap<PackReader, Sample[]>
}

/** Makes sure that no slot is held for as long as the slowest reader takes. */
export class SlowReaders {
  readonly #options: SlowReadersOptions
  readonly #holdUps = new HoldUps()
  #held = new Map<SharedPack, Held>()
  #restsUntil = 0

  constructor(options: SlowReadersOptions) {
    this.#options = options
  }

  /**
   * @param packs those whose producers are at work
   * @param mayRunAhead whether there is a disk for that
   */
  look(packs: readonly SharedPack[], mayRunAhead: boolean, now = performance.now()): void {
    const before = this.#held
    this.#held = new Map()
    for (const pack of packs) {
      const readers = pack.heldBackBy
      if (readers.length === 0) continue
      const then = before.get(pack)
      const held = this.#note(pack, readers, then, now)
      this.#held.set(pack, held)
      const isSlow = then !== undefined && held.produced - then.produced < fastBytes
      if (mayRunAhead && then && (isSlow || held.waitedFor > 0)) pack.runAhead()
    }
    for (const reader of this.#holdUps.look(packs, now)) reader.end(this.#options.tooSlow())
    this.#endSlowest(now)
  }

  #note(pack: SharedPack, readers: readonly PackReader[], before: Held | undefined, now: number): Held {
    const samplesOf = (reader: PackReader) => {
      const samples = before?.readers.get(reader) ?? []
      samples.push({ at: now, position: reader.position })
      return this.#withoutOld(samples, now)
    }
    return {
      produced: pack.produced,
      waitedFor: this.#options.isWaitedFor(pack.producer) ? (before?.waitedFor ?? 0) + 1 : 0,
      readers: new Map(readers.map((reader) => [reader, samplesOf(reader)])),
    }
  }

  /** Keeps the first sample, those of the last window, and the one just before them. */
  #withoutOld(samples: Sample[], now: number): Sample[] {
    while (samples.length > 3 && samples[2]!.at <= now - this.#options.windowMs) samples.splice(1, 1)
    return samples
  }

  #endSlowest(now: number): void {
    if (this.#options.minBytesPerSecond === 0 || now < this.#restsUntil) return
    let slowest: { readonly readers: Iterable<PackReader>; readonly pace: number } | undefined
    for (const { waitedFor, readers } of this.#held.values()) {
      if (waitedFor < 2) continue
      const paces = [...readers.values()].map((samples) => this.#paceIfSlow(samples, now))
      if (paces.includes(undefined)) continue
      const pace = Math.max(...(paces as number[]))
      if (!slowest || pace < slowest.pace) slowest = { readers: readers.keys(), pace }
    }
    if (!slowest) return
    this.#restsUntil = now + restMs
    for (const reader of slowest.readers) reader.end(this.#options.tooSlow())
  }

  /** The bytes per second since the first sample, if the reader has taken too little in the last window. */
  #paceIfSlow(samples: readonly Sample[], now: number): number | undefined {
    const { windowMs, minBytesPerSecond } = this.#options
    const start = samples.findLast(({ at }) => at <= now - windowMs)
    const last = samples.at(-1)
    const first = samples[0]
    if (!start || !last || !first) return undefined
    if (last.position - start.position >= (minBytesPerSecond * windowMs) / 1000) return undefined
    return (last.position - first.position) / (now - first.at)
  }
}

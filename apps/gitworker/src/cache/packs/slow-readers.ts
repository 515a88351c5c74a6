import type { Producer } from './pack-source.ts'
import type { PackReader } from './pack-reader.ts'
import type { SharedPack } from './shared-pack.ts'

/*
 * A git holds a slot until all that it writes has been taken from it; so one whose reader is slow must not wait for that.
 * Twice a second, each pack is looked at that is held back by its readers:
 *
 *   held back at two looks, and little was taken in between, or somebody waits for its slot ──▶ it runs ahead, to disk
 *   no room on disk, and somebody waits for its slot ──▶ of those whose readers have all taken too little for a whole
 *   window, the slowest one loses these; the next one a while later, if its slot is waited for still
 *
 * What was taken is what has gone into the buffers between here and a client, megabytes at a time. So a slow reader may
 * look slower than it is, which is why the one that has taken the least since it was first held back is the first to go.
 */

export type SlowReadersOptions = {
  /** Whether somebody waits for what this producer holds. */
  readonly isWaitedFor: (producer: Producer) => boolean
  /** What readers must take, while it is waited for; 0 is anything. */
  readonly minBytesPerSecond: number
  /** Milliseconds over which that is judged. */
  readonly windowMs: number
  /** What a reader is ended with that takes less. */
  readonly tooSlow: () => Error
}

export const lookEveryMs = 500

/** A reader that takes this much between two looks is as fast as a disk is, near enough. */
const fastBytes = 8 * 1024 * 1024

/** So long the slot of a reader that was ended may take to be free. */
const restMs = 1000

type Sample = { readonly at: number; readonly position: number }

/** How a pack was held back, up to the last look. */
type Held = {
  readonly produced: number
  /** At how many looks in a row its slot was waited for. */
  readonly waitedFor: number
  /** Those who held it back at each look, each with how far it had come: the first is the oldest. */
  readonly readers: ReadonlyMap<PackReader, Sample[]>
}

/** Sees to it that no slot is held for as long as the slowest reader takes. */
export class SlowReaders {
  readonly #options: SlowReadersOptions
  #held = new Map<SharedPack, Held>()
  #restsUntil = 0

  constructor(options: SlowReadersOptions) {
    this.#options = options
  }

  /**
   * @param packs those whose producers are at work
   * @param mayRunAhead whether there is a disk for that
   */
  look(packs: Iterable<SharedPack>, mayRunAhead: boolean, now = performance.now()): void {
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

  /** The first one stays, and of the others those of the last window, with the one just before it. */
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

  /** What a reader takes a second, since it was first held back, if it has taken too little in the last window. */
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

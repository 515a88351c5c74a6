import type { SharedPack } from './shared-pack.ts'
import type { PackReader } from './stream/pack-reader.ts'

/** For how long a reader may keep others waiting, unless it takes enough meanwhile. */
const limitMs = 15_000
const enoughBytesPerMs = (256 * 1024) / 1000

/** How many times as fast as it counts, a hold-up is forgotten while the reader keeps nobody waiting. */
const forgiveness = 3

/** More time between two looks is a pause of this process, which is nobody's fault. */
const longestStepMs = 1000

type HoldUp = {
  readonly heldMs: number
  /** Where the reader was when it began, or when it had last taken enough. */
  readonly from: number
}

/**
 * Finds readers that keep other readers of the same pack waiting, and take little, where there is no disk between them. It
 * measures for how long others wait: two clients of about the same speed wait for each other in turn, but one that has to wait
 * for another nearly all the time could be several times as fast.
 */
export class HoldUps {
  #packs = new Map<SharedPack, ReadonlyMap<PackReader, HoldUp>>()
  #lastLook: number | undefined

  /**
   * @param packs those whose producers are at work; nothing is remembered of others
   * @param now in milliseconds
   * @returns those who have kept others waiting for too long
   */
  look(packs: readonly SharedPack[], now: number): readonly PackReader[] {
    const stepMs = Math.min(now - (this.#lastLook ?? now), longestStepMs)
    this.#lastLook = now
    const before = this.#packs
    this.#packs = new Map()
    for (const pack of packs) {
      const holdUps = goOn(before.get(pack) ?? new Map(), pack.heldUpBy, stepMs)
      if (holdUps.size > 0) this.#packs.set(pack, holdUps)
    }
    return [...this.#packs.values()].flatMap((holdUps) => [...holdUps].filter(isTooLong).map(([reader]) => reader))
  }
}

function goOn(
  before: ReadonlyMap<PackReader, HoldUp>,
  heldUpBy: readonly PackReader[],
  stepMs: number,
): ReadonlyMap<PackReader, HoldUp> {
  const holdUps = new Map<PackReader, HoldUp>()
  for (const reader of heldUpBy) {
    const begun = { heldMs: 0, from: reader.position }
    const { heldMs, from } = before.get(reader) ?? begun
    const longer = { heldMs: heldMs + stepMs, from }
    const hasTakenEnough = reader.position - from >= enoughBytesPerMs * longer.heldMs
    holdUps.set(reader, longer.heldMs > limitMs && hasTakenEnough ? begun : longer)
  }
  for (const [reader, { heldMs, from }] of before) {
    const left = heldMs - forgiveness * stepMs
    if (!holdUps.has(reader) && left > 0) holdUps.set(reader, { heldMs: left, from })
  }
  return holdUps
}

/** Whoever has taken enough has begun anew. */
function isTooLong([, { heldMs }]: [PackReader, HoldUp]): boolean {
  return heldMs > limitMs
}

import type { SlowReadersOptions } from './slow-readers.ts'

export const defaultLifeMs = 5 * 60_000
export const defaultMaxAheadBytes = 256 * 1024 * 1024

/** The part of the disk space for slow readers that one of them may have. */
export const largestPart = 1 / 4

/** How many keys are remembered, and for how long, to tell that a pack is asked for again. */
export const remembered = { max: 10_000, ttl: 5 * 60_000, ttlResolution: 0 } as const

export type PackCacheOptions = {
  /** A folder for spools alone, on a disk. */
  readonly folder: string
  /** How much disk space all packs with several readers may take together; undefined if none is shared. */
  readonly budgetBytes?: number | undefined
  /** How much all that is written ahead of slow readers may take together; undefined if nothing is. */
  readonly aheadBytes?: number | undefined
  /** What becomes of slow readers. */
  readonly slowReaders?: SlowReadersOptions
  /** How long a pack may be joined after it is whole, however often it is read. */
  readonly lifeMs?: number
  /** How far a producer may be ahead of its fastest reader. */
  readonly maxAheadBytes?: number
  /** Is told once for each time that the cache does without its disk. */
  readonly onProblem: (message: string) => void
}

export function usesDisk({ budgetBytes, aheadBytes }: PackCacheOptions): boolean {
  return budgetBytes !== undefined || aheadBytes !== undefined
}

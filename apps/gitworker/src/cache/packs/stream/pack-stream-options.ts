import type { SpoolFolder } from '../spool/spool-folder.ts'

export type PackStreamOptions = {
  /** For packs with several readers. */
  readonly folder: SpoolFolder
  /** For what a producer writes ahead of a slow reader. */
  readonly aheadFolder: SpoolFolder
  /** Whether it goes to disk from its first byte, since somebody will want it again. */
  readonly isSpooled: boolean
  /** Whether it has one reader and never another: then nothing is kept for one that may join. */
  readonly isForOne?: boolean
  /** How far the producer may be ahead of the fastest reader, unless there is plenty of room. */
  readonly maxAheadBytes: number
  /** How much the producer may write to disk at a time ahead of a slow reader. */
  readonly maxSlowBytes: number
  /** The spool cannot be written, or read. */
  readonly onDiskProblem: (error: Error) => void
}

export type PackStreamEvents = {
  readonly onStateChange: () => void
  /** All of the output has come. */
  readonly onWhole: (use: 'keep' | 'forget') => void
}

/** How much of a direct stream is kept so that another reader can join it. */
export const maxJoinableBytes = 4 * 1024 * 1024

/** How much may wait for the disk. */
export const maxUnwrittenBytes = 1024 * 1024

/** What room there must be on disk for a pack that several will read: for the first write, and for one more. */
export const leastRoom = { spools: 1, bytes: 2 * maxUnwrittenBytes } as const

import type { PackLook, RepositoryLook } from './look.ts'

/*
 * Decides what a repository needs, by what is there alone. So a supervisor that was just started decides as one that ran
 * for a year, and a repository that nobody touches is not looked at.
 *
 * Small packs and loose objects are put together in one of two ways:
 *
 *   all        Everything that references need goes into one pack with a bitmap, the rest into a cruft pack. It makes
 *              clones cheapest, and it reads every object, so it is done where that is little beside what has changed.
 *   geometric  Packs are joined so that each is at least twice as large as all smaller ones together (git-repack(1),
 *              `--geometric`). It costs what has changed, whatever the repository's size.
 *
 * Where no object may ever go (`extensions.preciousObjects`, as in a repository from which others borrow), git refuses
 * both. There, loose objects are packed and packs joined in a way that keeps all.
 */

export type Task =
  | { readonly kind: 'pack-refs' }
  | { readonly kind: 'expire-reflogs' }
  | {
      readonly kind: 'repack-geometric'
      /** Names of packs that stay as they are. */
      readonly keeps: readonly string[]
    }
  | {
      readonly kind: 'join-packs'
      readonly bitmap: boolean
    }
  | {
      readonly kind: 'repack-all'
      /** Milliseconds since 1970. Objects that nothing has needed since then go. Undefined: none goes. */
      readonly expiresBefore: number | undefined
      /** Whether what nothing needs goes into a pack of its own. Otherwise it stays in the one pack. */
      readonly cruft: boolean
      readonly bitmap: boolean
      /** Names of packs that stay as they are. If there are any, the bitmap is one over all packs. */
      readonly keeps: readonly string[]
    }
  | {
      readonly kind: 'commit-graph'
      /** Whether the new commits go into a layer of their own. */
      readonly split: boolean
    }

export type Abilities = {
  /** Milliseconds for which what nothing needs is kept. Undefined: for ever. */
  readonly grace: number | undefined
  /** Whether git writes cruft packs (2.37). The only other way to expire objects would make a file of each. */
  readonly cruftPacks: boolean
  /** Whether no object may ever go: `extensions.preciousObjects`. */
  readonly isPrecious: boolean
  /** Whether references may be packed. */
  readonly packsRefs: boolean
  /** Packs of at least so many bytes stay as they are. */
  readonly bigPackBytes: number | undefined
}

/** If so many packs were to stay, none does, as with `git gc --auto` (`gc.autoPackLimit`). */
const mostBigPacks = 50

/** Below these, reading what is loose costs less than putting it together. */
const thresholds = { looseRefs: 100, looseObjects: 500, packs: 12 } as const

/** Up to this size, everything is put into one pack each time: that takes git a second or two. */
const smallBytes = 64 * 2 ** 20

/** Of the largest pack. When what lies beside it is more, everything is put into one pack again. */
const shareBesideLargest = 0.25

/** A repository that is larger gets a bitmap even if it has but one pack. */
const bitmapBytes = 4 * 2 ** 20

/** @param now milliseconds since 1970 */
export function planFor(look: RepositoryLook, abilities: Abilities, now: number): Task[] {
  const tasks: Task[] = []
  if (abilities.packsRefs && look.looseRefs > thresholds.looseRefs) tasks.push({ kind: 'pack-refs' })
  const repack = abilities.isPrecious ? joinFor(look) : repackFor(look, abilities, now)
  if (repack?.kind === 'repack-all' && look.hasReflogs) tasks.push({ kind: 'expire-reflogs' })
  if (repack) tasks.push(repack, { kind: 'commit-graph', split: repack.kind !== 'repack-all' })
  return tasks
}

function joinFor(look: RepositoryLook): Task | undefined {
  return isScattered(look, look.packs.filter(isOwn)) ? { kind: 'join-packs', bitmap: mayHaveBitmap(look) } : undefined
}

/** A bitmap must know every object that references need (pack-bitmap-write.c). git fails at any other. */
function mayHaveBitmap({ borrows, isPartial }: RepositoryLook): boolean {
  return !borrows && !isPartial
}

function isScattered({ looseObjects }: RepositoryLook, own: readonly PackLook[]): boolean {
  return own.length > thresholds.packs || looseObjects > thresholds.looseObjects
}

/** Whether a pack is neither kept by somebody nor one of what nothing needs. */
function isOwn({ isKept, isCruft }: PackLook): boolean {
  return !isKept && !isCruft
}

function repackFor(look: RepositoryLook, abilities: Abilities, now: number): Task | undefined {
  const packs = look.packs.filter(isOwn)
  const big = bigAmong(packs, abilities.bigPackBytes)
  const keeps = big.map(({ name }) => name)
  const own = packs.filter((pack) => !big.includes(pack))
  const total = bytesIn(own) + look.looseBytes
  const largest = Math.max(0, ...own.map(({ bytes }) => bytes))
  const cruft = abilities.cruftPacks && !look.hasStrayPack
  const expiresBefore = abilities.grace === undefined || !cruft ? undefined : now - abilities.grace
  const bitmap = mayHaveBitmap(look)
  const all: Task = { kind: 'repack-all', expiresBefore, cruft, bitmap, keeps }
  const isMissingBitmap = !look.hasBitmap && bitmap && total + bytesIn(big) > bitmapBytes
  if (isExpiryDue(look, expiresBefore) || isMissingBitmap) return all
  if (!isScattered(look, own)) return undefined
  // git before 2.41 joins borrowed packs, too, and cannot join those of a partial clone.
  if (!bitmap || total <= smallBytes || total - largest > largest * shareBesideLargest) return all
  return { kind: 'repack-geometric', keeps }
}

function bigAmong(packs: readonly PackLook[], bytes: number | undefined): PackLook[] {
  const big = bytes === undefined ? [] : packs.filter((pack) => pack.bytes >= bytes)
  return big.length < mostBigPacks ? big : []
}

/** git gives a cruft pack the time of its writing, so each object in an old one is at least as old. */
function isExpiryDue({ packs }: RepositoryLook, expiresBefore: number | undefined): boolean {
  return expiresBefore !== undefined && packs.some(({ isCruft, changedAt }) => isCruft && changedAt < expiresBefore)
}

function bytesIn(packs: readonly PackLook[]): number {
  return packs.reduce((total, { bytes }) => total + bytes, 0)
}

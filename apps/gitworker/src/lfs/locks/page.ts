import type { Lock } from './lock.ts'

/** The most locks in one reply, and how many there are where a client names no limit. */
export const mostOnPage = 1000

export type PageRequest = {
  /** The id of the last lock on the page before. Undefined: from the beginning. */
  readonly cursor: number | undefined
  readonly limit: number | undefined
}

export type Page = {
  readonly locks: readonly Lock[]
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined
}

/**
 * The latest come first. So a lock that is made while a client turns the pages moves none that is still to come.
 *
 * @param locks in the order in which they were made
 */
export function pageOf(locks: readonly Lock[], { cursor, limit }: PageRequest): Page {
  const size = Math.min(Math.max(limit ?? mostOnPage, 1), mostOnPage)
  const rest = locks.filter(({ id }) => cursor === undefined || id < cursor).toReversed()
  const page = rest.slice(0, size)
  return { locks: page, nextCursor: rest.length > size ? String(page.at(-1)!.id) : undefined }
}

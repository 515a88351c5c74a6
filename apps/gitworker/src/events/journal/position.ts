/** A place in the journal: a segment, and bytes from its beginning. */
export type Position = { readonly segment: number; readonly offset: number }

/** Negative where the first comes before the second. */
export function compare(one: Position, other: Position): number {
  return one.segment - other.segment || one.offset - other.offset
}

export function isBefore(one: Position, other: Position): boolean {
  return compare(one, other) < 0
}

/** A segment, with its whole lines in bytes, and the last event in it or before it. */
export type LastSegment = {
  readonly number: number
  readonly bytes: number
  readonly lastEventId: string | undefined
}

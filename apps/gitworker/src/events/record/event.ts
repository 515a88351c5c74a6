import type { EventKind } from '@sluice/shared/config/events/events-form'

/** Something that has happened to a repository. A push is told as one event for each reference that it has changed. */
export type Event = {
  /** Unique, and later events of a host have greater ones: UUIDv7 (RFC 9562). */
  readonly id: string
  /** ISO 8601. */
  readonly time: string
  readonly kind: EventKind
  /** Its plain name. Of a renamed one: the old name. */
  readonly repository: string
  /** Undefined where nobody logged in. */
  readonly user?: string | undefined
  /** The request, or the operation, of which it came. The events of one push have the same. */
  readonly requestId: string
  /** The full name of the reference. Bytes that are not UTF-8 stand as `\xNN`. */
  readonly ref?: string
  /** Ids, zeros for none. */
  readonly old?: string
  readonly new?: string
  /** How many references the push named beyond those that are told. */
  readonly more?: number
  /**
   * Set where nobody saw the end of it, and what there is now neither proves nor disproves it: others have changed the
   * same since.
   */
  readonly certain?: false
  /** Of a renamed repository: the new name. */
  readonly to?: string
}

/** The plain names that it is about. */
export function namesIn({ repository, to }: Pick<Event, 'repository' | 'to'>): string[] {
  return to === undefined ? [repository] : [repository, to]
}

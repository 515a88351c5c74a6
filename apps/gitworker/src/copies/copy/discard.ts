import type { Trashed } from '../link/told.ts'
import type { Following } from './fetch-state.ts'

/** The folders of objects that other repositories of this host borrow from. */
export type Lent = ReadonlySet<string>

export type Discarding = Pick<Following, 'signal' | 'onProgress'> & {
  /** Saves a look at all repositories, where many are moved. Undefined: not known. */
  readonly lent?: Lent | undefined
}

/**
 * Moves a repository out of the way, to this host's trash.
 *
 * @param trashed what the primary's trash says of it; null: it is kept for a day; `dropped`: so, and others have it
 * @returns what this host's trash calls it
 * @throws {Refusal} where it cannot be moved
 */
export type Discard = (
  repository: string,
  trashed: Trashed | 'dropped' | null,
  discarding: Discarding,
) => Promise<{ readonly id: string }>

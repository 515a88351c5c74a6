import { Refusal } from '@sluice/shared/refusal/refusal'
import type { MoveNotes } from './move-notes.ts'

/** If so many looks are not enough, repositories are moved all the time. */
const mostLooks = 5

/**
 * Looks at all repositories, again if one was moved meanwhile: it may have been where it was not any more, or not yet.
 *
 * @throws {Refusal} `repository_busy`
 */
export async function whileNothingMoves<T>(notes: Pick<MoveNotes, 'moves'>, look: () => Promise<T>): Promise<T> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const { moves } = notes
    const found = await look()
    if (notes.moves === moves) return found
  }
  throw new Refusal('repository_busy')
}

import { statSync } from 'node:fs'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import { findRepository } from '../../repository/repository.ts'
import type { Outcome, OutcomeAsked } from '../link/given.ts'
import { confirmCopies } from '../primary/confirm-copies.ts'
import type { Copies } from '../primary/copies.ts'
import type { Gifts } from './gifts.ts'

export type OutcomeServices = {
  readonly root: string
  readonly gifts: Gifts
  /** Whether this host's trash has a repository under an id. */
  readonly isInTrash: (id: string, repository: string) => boolean
  /** Keeps a name on this host until it is disposed of. @throws {Refusal} where another host is its primary */
  readonly hold: (repository: string) => Tenure
  readonly copies: Pick<Copies, 'confirm'>
  /** Aborted when this host stops. */
  readonly ending: AbortSignal
}

/**
 * What has become of a rename, as the primary of the old name knows it:
 *
 *   it is under way here                         ──▶ undecided
 *   the old one is in the trash under its id     ──▶ gone; the name may have been taken again
 *   it is there                                  ──▶ it stays: whoever was renaming it has broken off
 *   another one is there, made since             ──▶ gone: the old one may be purged, and the new name all that is left
 *   it is neither there nor in the trash         ──▶ the same
 *
 * What stays goes to the trash under its new name, so everything must say that this is the old one. When the old one is gone,
 * no copy has it any more: none can bring it back as the next primary.
 *
 * @throws {Refusal} where this host is not the primary of the old name, or that cannot be known
 */
export async function outcomeOf(services: OutcomeServices, asked: OutcomeAsked): Promise<Outcome> {
  const { root, gifts, isInTrash, hold, copies, ending } = services
  const { repository, gift, trash } = asked
  if (gifts.find(gift, repository)) return 'undecided'
  using tenure = hold(repository)
  const found = isInTrash(trash, repository) ? undefined : findRepository(root, repository)
  const isThere = found !== undefined && !isMadeSince(found.gitDir, trash)
  if (!isThere) await confirmCopies(copies, repository, tenure)
  await tenure.confirm(ending)
  return isThere ? 'stays' : 'gone'
}

/** The clocks of hosts differ, and an id has no parts of a second. Milliseconds. */
const marginMs = 60_000

/**
 * Whether a repository was made after a rename had begun, on this disk. A file system that knows no times of birth cannot tell.
 *
 * @param trash the id that the old one was to have in the trash: it was made when the rename began
 */
function isMadeSince(gitDir: string, trash: string): boolean {
  const begun = Date.parse(trash.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-.*$/, '$1-$2-$3T$4:$5:$6Z'))
  return statSync(gitDir).birthtimeMs > begun + marginMs
}

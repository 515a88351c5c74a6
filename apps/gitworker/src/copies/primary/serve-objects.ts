import { pipeline } from 'node:stream/promises'
import type { Readable, Writable } from 'node:stream'
import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import { slotOf } from '@sluice/shared/placement/slot'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { findRepository } from '../../repository/repository.ts'
import { endedWell } from '../git-stream.ts'
import type { StartGit } from '../git-stream.ts'
import type { SlotView } from '../slot-view.ts'
import type { Offers } from './offers.ts'

export type ObjectsServices = {
  readonly root: string
  readonly view: SlotView
  readonly users: RepositoryUsers
  readonly startGit: StartGit
  /** The same in a lane of its own: what is given may take hours, and pushes wait for what copies fetch. */
  readonly startGiving: StartGit
  readonly offers: Pick<Offers, 'find'>
}

/** What is served, and whether to a host that is to have what clients see only. */
export type Served = { readonly gitDir: string; readonly kind?: 'rename' | 'fork' }

/** What a copy asks for. */
export type ObjectsWanted = { readonly repository: string; readonly term: number; readonly copy: string }

/** @returns undefined where this host is not the primary in that term, or the other no copy. @throws {Refusal} for a bad name */
export function findWanted({ root, view }: ObjectsServices, { repository, term, copy }: ObjectsWanted) {
  const record = view.slot(slotOf(repository))
  const mayServe = record?.primary === view.name && record.term === term && record.copies.includes(copy)
  if (!mayServe) return undefined
  checkRepositoryName(repository)
  return findRepository(root, repository)
}

/**
 * Serves a copy's fetch: all references, hidden ones included, and all objects, whatever the repository's own configuration
 * offers to others. A fork gets what that offers. Each side writes when it wants to, as over ssh.
 *
 * @throws {Refusal} where there is no worker; {JobError} with git's words where it failed; the stream's error where the copy
 *   breaks off
 */
export async function serveObjects(
  { users, startGit, startGiving }: ObjectsServices,
  { gitDir, kind }: Served,
  from: Readable,
  to: Writable,
  signal: AbortSignal,
): Promise<void> {
  // The push that waits for its copies keeps the repository where it is.
  using _use = users.join(gitDir)
  const all = kind === 'fork' ? [] : ['-c', 'uploadpack.hideRefs=!refs']
  const start = kind === undefined ? startGit : startGiving
  await using git = await start([...all, 'upload-pack', '--strict', '--', gitDir], { signal })
  const input = pipeline(from, git.stdin).catch(() => {})
  await pipeline(git.stdout, to, { end: false })
  // A git that has said all that it had to say does not wait for more.
  git.stdin.destroy()
  // Only its own words say that the repository is damaged: the copy hears that the other end has hung up.
  await endedWell(git, 'upload-pack')
  to.end()
  await input
}

import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { JobError } from '../../process/job/job.ts'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { fetchCommand } from './fetch-commands.ts'
import { watchRoom } from './watch-room.ts'
import type { RoomServices } from './watch-room.ts'

export type Fetch = {
  readonly mirror: Mirror
  readonly address: string
  readonly fetching: RunLongJob
  readonly services: RoomServices
  readonly signal: AbortSignal
}

/** git cannot remove a branch, and make one below its name, in one transaction. */
const conflict = /cannot lock ref '.*(?:exists; cannot create|non-empty directory)/

/**
 * Fetches into a repository: all references at once, where git can.
 *
 * @param isNew whether the repository has no name yet, so that one that is too large can be given up
 * @throws {JobError}, {MirrorError}
 */
export async function fetchInto(run: Fetch, gitDir: string, isNew = false): Promise<void> {
  const { mirror, address, fetching, services, signal } = run
  using watch = await watchRoom(mirror.repository, gitDir, services)
  const fetch = async (isAtomic: boolean) => {
    await fetching(fetchCommand(mirror, address, gitDir, isAtomic), {
      signal: AbortSignal.any([signal, watch.exceeded]),
      fetches: gitDir,
    })
  }
  try {
    await fetch(true)
  } catch (error) {
    if (!(error instanceof JobError) || !conflict.test(error.message)) throw error
    await fetch(false)
  }
  // A fetch may be over before the watch looks.
  if (isNew) await watch.look()
}

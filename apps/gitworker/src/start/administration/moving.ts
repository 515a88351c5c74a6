import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { MoveNotes } from '../../administration/move/move-notes.ts'
import { allBelow } from '../../administration/lending/borrowings.ts'
import { Turns } from '../../administration/operation/turns.ts'
import { Trash } from '../../administration/trash/trash.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isRootShared } from '../../config/shared-root.ts'
import type { LfsPlace } from '../../lfs/storage/lfs-storage.ts'
import type { Storage } from '../parts/storage.ts'

/** What repositories are moved with, by operators and by this host itself. */
export type Moving = { readonly turns: Turns; readonly trash: Trash; readonly notes: MoveNotes }

/** Settles moves that an earlier process has left half done. @param placement undefined where there is one host only */
export async function openMoving(
  config: SupervisorConfig,
  { root, runtimeDirectory, lfs }: Storage,
  placement: Placement | undefined,
  log: Logger,
): Promise<Moving> {
  const notes = await MoveNotes.open(join(runtimeDirectory.path, 'moves'), log)
  const isOurs = isRootShared(config) ? (repository: string) => placement?.isPrimary(repository) ?? false : undefined
  const discard = async (place: LfsPlace) =>
    await lfs.discard?.(
      place,
      allBelow(root, trash, (path, cause) => {
        throw new Error(`${path} cannot be read, so it is not known who uses the same objects of LFS`, { cause })
      }),
    )
  const trash = new Trash(root, config.trashTime, isOurs, discard)
  return { turns: new Turns(), trash, notes }
}

/** How long a rename or a deletion waits for the requests that are at work. Milliseconds. */
export const busyWaitMs = 30_000

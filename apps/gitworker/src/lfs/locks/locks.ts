import type { LfsLocks } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import type { LfsPlace } from '../storage/lfs-storage.ts'

/**
 * Locks are not kept here yet. git-lfs stops asking for them when it is told so.
 *
 * @param place undefined where the repository does not exist yet, and a push may create it
 * @throws {Refusal} `lfs_not_offered`
 */
export async function serveLocks(_call: LfsCall<LfsLocks>, _place: LfsPlace | undefined): Promise<void> {
  throw new Refusal('lfs_not_offered', { sentence: 'Locks of Git LFS are not offered here.' })
}

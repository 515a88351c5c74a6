import { purgeHere } from '../../administration/change/purge-repository.ts'
import { trashedOf } from '../../administration/trash/trash.ts'
import type { TrashHere } from '../../copies/server/serve-trash.ts'
import { busyWaitMs } from '../administration/moving.ts'
import type { Moving } from '../administration/moving.ts'
import type { Storage } from '../parts/storage.ts'
import type { CopiesParts } from './open-copies.ts'

/** What repositories are moved with. */
export function movingIn({ storage: { root }, users, answers, moving }: CopiesParts) {
  return { root, users, answers, busyWait: busyWaitMs, ...moving }
}

/** For other hosts. */
export function trashIn({ root }: Storage, moving: Moving): TrashHere {
  return {
    list: async () => (await moving.trash.list()).map(trashedOf),
    remove: (removed) => purgeHere({ root, ...moving }, removed),
  }
}

/** A trash that cannot be read says nothing: then each host keeps what was deleted in its own way. */
export function trashedIn({ trash }: Moving) {
  return async (repository: string) => {
    const entries = await trash.list().catch(() => [])
    const last = entries.find((entry) => entry.repository === repository)
    if (!last) return null
    const { id, keptUntil, renamedTo } = last
    return { id, keptUntil, ...(renamedTo && { renamedTo }) }
  }
}

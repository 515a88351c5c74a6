import { repositoriesBelow } from '../../administration/look/walk-root.ts'
import type { Disk } from '../../cluster/member/claim-disk.ts'

/** This host's own disk, as its cluster asks for it. @param root below which its repositories lie */
export function diskOf(root: string): Disk {
  return { root, isEmpty: () => hasNoRepositories(root) }
}

async function hasNoRepositories(root: string): Promise<boolean> {
  for await (const _ of repositoriesBelow(root)) return false
  return true
}

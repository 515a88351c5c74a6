import { repositoriesBelow } from './walk-root.ts'

/** Whether a disk may be one that is not mounted. @param root below which the repositories of a host lie */
export async function hasNoRepositories(root: string): Promise<boolean> {
  for await (const _ of repositoriesBelow(root)) return false
  return true
}

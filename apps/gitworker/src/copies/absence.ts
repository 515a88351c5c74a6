import { join } from 'node:path'
import { copiesFolderName } from '../cluster/member/disk-identity.ts'
import { isThere, kindOf } from '../repository/repository.ts'

/*
 * That no repository is found does not prove that there is none: the disk may not be mounted, or be damaged. What other hosts
 * have would be moved to their trash, or a copy would be made where nobody finds it later.
 */

/** @throws {Error} where the root is another folder than at the start: then nothing is known of what there is */
export function checkIsMounted(root: string): void {
  const notes = join(root, copiesFolderName)
  if (!isThere(notes)) throw new Error(`${notes} is gone: is the disk of SLUICE_ROOT mounted?`)
}

/** Files of a git directory. Folders above repositories have folders only. */
const files = ['HEAD', 'config', 'packed-refs']

/**
 * To be called where no repository was found.
 *
 * @param repository its plain name
 * @throws {Error} where there may be one all the same
 */
export function checkIsAbsent(root: string, repository: string): void {
  checkIsMounted(root)
  for (const place of ['', '.git', '/.git', '.git/.git']) {
    const folder = join(root, repository + place)
    if (kindOf(folder) !== 'folder' || !files.some((file) => kindOf(join(folder, file)) === 'file')) continue
    throw new Error(`${folder} is no repository for git, and has files of one. Mend it, or move it away.`)
  }
}

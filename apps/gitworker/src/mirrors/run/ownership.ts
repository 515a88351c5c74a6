import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import type { MirrorMarks } from '../../repository/mirror-mark.ts'
import { MirrorError } from './mirror-error.ts'

/**
 * Makes sure that a mirror may overwrite a repository: it was made for this name, or of this upstream.
 *
 * @throws {MirrorError} `taken`
 */
export async function checkIsOurs({ repository, upstream }: Mirror, gitDir: string, marks: MirrorMarks): Promise<void> {
  const mark = await marks.of(gitDir)
  const isOurs = mark !== undefined && (mark.name === repository || mark.upstream === upstream.url)
  if (!isOurs) {
    const command = `git --git-dir=${gitDir} config sluice.mirror ${repository}`
    throw new MirrorError('taken', `It is left as it is. If it may be overwritten, run: ${command}`)
  }
  const said = { name: repository, upstream: upstream.url }
  if (mark.name !== said.name || mark.upstream !== said.upstream) await marks.write(gitDir, said)
}

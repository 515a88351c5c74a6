import { basename, dirname, join, relative, sep } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import type { RunJob } from '../process/job.ts'
import { initialHead } from '../repository/default-branch.ts'
import { findRepository, isBelow, isInsideRepository, isThere, kindOf, realPathOf } from '../repository/repository.ts'

/** git's name for how a repository names its objects. */
export type ObjectFormat = 'sha1' | 'sha256'

/** PATH_MAX without the NUL that ends a path. */
const maxPathBytes = 4095

/** git needs so much below a repository: a quarantine, and in it a pack with its temporary name, or a reference's lock. */
const roomInsideBytes = 300

/**
 * Where a push to `name` creates its repository: `name.git` below the root. Changes nothing.
 *
 * @param name checked by the name rules, of a repository that has not been found
 * @throws {Refusal} `cannot_create` where a part of the name is a file, a repository, or a link out of the root, or where
 *   there would be two repositories with the same plain name; `name_too_long` where git could not work in it
 */
export function placeFor(root: string, name: string): string {
  if (/^\.git$/i.test(basename(name))) {
    throw new Refusal('cannot_create', {
      sentence: 'A repository cannot be created as ".git": give it a name of its own.',
    })
  }
  const plain = plainName(name)
  if (name !== plain && name !== `${plain}.git`) {
    throw new Refusal('cannot_create', {
      sentence: 'A repository cannot be created under this name: let it end in ".git" once, or not at all.',
    })
  }
  const target = join(root, `${plain}.git`)
  if (Buffer.byteLength(target) > maxPathBytes - roomInsideBytes) {
    throw new Refusal('name_too_long', { sentence: 'The repository name is too long for a path on this server.' })
  }
  checkParents(root, dirname(target))
  if (isInsideRepository(root, name) || isThere(target)) throw new Refusal('cannot_create')
  if (findRepository(root, plain) || findRepository(root, `${plain}.git`)) {
    throw new Refusal('cannot_create', {
      sentence: 'A repository cannot be created under this name: there is one whose name differs in ".git" only.',
    })
  }
  return target
}

/** Every folder between the root and the new repository is missing, or a folder below the root. */
function checkParents(root: string, parent: string): void {
  let folder = root
  for (const part of relative(root, parent).split(sep).filter(Boolean)) {
    folder = join(folder, part)
    if (!isThere(folder)) return
    const real = realPathOf(folder)
    if (kindOf(folder) !== 'folder' || real === undefined || !isBelow(root, real)) throw new Refusal('cannot_create')
  }
}

/**
 * Makes an empty bare repository of a folder that is missing. What is made for a push, and what is shown to a push before
 * that, come from here, so that the two cannot differ.
 *
 * @throws {JobError} where git says no
 */
export async function initRepository(folder: string, format: ObjectFormat, runJob: RunJob): Promise<void> {
  const options = ['--quiet', '--bare', '--template=', `--object-format=${format}`]
  await runJob([...initialHead.initOptions, 'init', ...options, '--', folder])
  await initialHead.mark(folder)
}

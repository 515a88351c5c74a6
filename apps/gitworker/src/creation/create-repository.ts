import { basename, dirname, join, relative, sep } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import type { RefStorage } from '../git/repository-config.ts'
import type { RunJob } from '../process/job/job.ts'
import { initialHead } from '../repository/default-branch.ts'
import { findRepository, isBelow, isInsideRepository, isThere, kindOf, realPathOf } from '../repository/repository.ts'

/** How a repository names its objects, as git calls it. */
export type ObjectFormat = 'sha1' | 'sha256'

/** PATH_MAX of Linux, without the NUL at the end. */
const maxPathBytes = 4095

/** Paths in a repository may be this much longer than its own: a temporary pack in a quarantine, or a reference's lock. */
const roomInsideBytes = 300

/**
 * The path at which a push to `name` creates its repository: as `placeForCopy`, and no folder above it may end in `.git`. With
 * such a name, it could not be on the same disk as the repository that has the folder's name, so some hosts could not copy it.
 *
 * @throws {Refusal} as `placeForCopy`
 */
export function placeFor(root: string, name: string): string {
  if (/\.git\//i.test(plainName(name))) {
    throw new Refusal('cannot_create', {
      sentence: 'A repository cannot be created below a name that ends in ".git": call it otherwise.',
    })
  }
  return placeForCopy(root, name)
}

/**
 * The path at which a repository is made: `name.git` below the root. Changes nothing.
 *
 * @param name passed the name rules, and no repository was found by it
 * @throws {Refusal} `cannot_create` if a part of the name is a file, a repository, or a link out of the root, or if two
 *   repositories would have the same plain name; `name_too_long` if git could not work there
 */
export function placeForCopy(root: string, name: string): string {
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

/** Each part of the path between the root and the new repository must be missing, or be a folder below the root. */
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
 * Makes an empty bare repository, in a folder that does not exist yet. The repository that a push creates and the empty one
 * that it is shown before are both made here, so that they cannot differ.
 *
 * @param refStorage undefined: git's default
 * @throws {JobError} if git fails
 */
export async function initRepository(
  folder: string,
  format: ObjectFormat,
  runJob: RunJob,
  refStorage?: RefStorage,
): Promise<void> {
  const options = ['--quiet', '--bare', '--template=', `--object-format=${format}`]
  // Versions of git that know only one have no such option.
  if (refStorage === 'reftable') options.push('--ref-format=reftable')
  await runJob([...initialHead.initOptions, 'init', ...options, '--', folder])
  await initialHead.mark(folder)
}

import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { isBelow, realPathOf } from '../../repository/repository.ts'

/**
 * The folder that is moved with a repository: the git directory, or the work tree in whose `.git` it lies.
 *
 * @param name by which the repository was found
 * @throws {Refusal} `not_movable` where other files would still name its old place
 */
export function movableFolder(root: string, name: string, gitDir: string): string {
  const folder = basename(gitDir) === '.git' ? dirname(gitDir) : gitDir
  const named = [join(root, name), `${join(root, name)}.git`]
  if (!named.some((path) => path === folder && realPathOf(path) === folder)) {
    throw notMovable(`The name leads to ${gitDir} over a link. Move that folder, and the link, by hand.`)
  }
  if (!isBelow(root, folder)) throw notMovable('The root itself cannot be moved.')
  if (hasWorkTrees(gitDir)) {
    throw notMovable('It has linked work trees, which name its folder. Remove them first (git worktree remove).')
  }
  return folder
}

function hasWorkTrees(gitDir: string): boolean {
  try {
    return readdirSync(join(gitDir, 'worktrees')).length > 0
  } catch {
    return false
  }
}

function notMovable(why: string): Refusal {
  return new Refusal('not_movable', { sentence: `This repository cannot be moved. ${why}` })
}

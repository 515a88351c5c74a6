import { lstat, open, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { errnoOf } from '@sluice/shared/errno'
import { Refusal } from '@sluice/shared/refusal'

/** A repository that exists, as git is told to open it. */
export type Repository = {
  /** Absolute, free of symbolic links, below the root. */
  readonly gitDir: string
}

/** git's own order (enter_repo in path.c): a work tree's repository, then the folder itself, then the same with `.git`. */
const suffixes = ['/.git', '', '.git/.git', '.git']

/**
 * The one place that turns a repository's name into a folder.
 *
 * @param root the real path of the folder below which all repositories lie
 * @param name checked by the name rules
 * @returns undefined if there is none, if a symbolic link leads out of the root, or if it lies inside another repository:
 *   what that one's pushes can write (a work tree, say) must not be able to pass for a repository with hooks
 * @throws {Refusal} `repository_unreadable`
 */
export async function findRepository(root: string, name: string): Promise<Repository | undefined> {
  for (const suffix of suffixes) {
    const gitDir = await gitDirectory(root, join(root, name) + suffix)
    if (gitDir === undefined) continue
    return (await isInsideRepository(root, name)) ? undefined : { gitDir }
  }
  return undefined
}

/** Whether a folder on the way from the root to the one that `name` means is a repository, or has one as its `.git`. */
export async function isInsideRepository(root: string, name: string): Promise<boolean> {
  const parts = name
    .replace(/\/\.git$/, '')
    .split('/')
    .slice(0, -1)
  const folders = parts.map((_, index) => join(root, ...parts.slice(0, index + 1)))
  const found = await Promise.all(
    folders.map(
      async (folder) => (await isGitDirectory(folder)) || (await lookUp(lstat(join(folder, '.git')))) !== undefined,
    ),
  )
  return found.includes(true)
}

/** Whether a folder looks like a git directory to git itself (is_git_directory in setup.c). */
export async function isGitDirectory(folder: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all([
    lookUp(lstat(join(folder, 'HEAD'))),
    kindOf(join(folder, 'objects')),
    kindOf(join(folder, 'refs')),
  ])
  if (!head || head.isDirectory()) return false
  return (objects === 'folder' && refs === 'folder') || (await isLinkedWorkTree(folder))
}

/** A linked work tree's folder has a HEAD of its own and shares the rest with the repository that `commondir` names. */
async function isLinkedWorkTree(folder: string): Promise<boolean> {
  const commonDir = await firstLine(join(folder, 'commondir'))
  return commonDir !== undefined && (await kindOf(resolve(folder, commonDir, 'objects'))) === 'folder'
}

async function gitDirectory(root: string, candidate: string): Promise<string | undefined> {
  const kind = await kindOf(candidate)
  if (kind === undefined) return undefined
  const folder = kind === 'folder' ? candidate : await targetOfGitFile(candidate)
  if (folder === undefined || !(await isGitDirectory(folder))) return undefined
  const real = await lookUp(realpath(folder))
  return real !== undefined && isBelow(root, real) ? real : undefined
}

/** `.git` as a file names the git directory of a submodule or a linked work tree: gitrepository-layout(5). */
async function targetOfGitFile(file: string): Promise<string | undefined> {
  const [, target] = /^gitdir: (.+)$/.exec((await firstLine(file)) ?? '') ?? []
  return target === undefined ? undefined : resolve(dirname(file), target)
}

export function isBelow(root: string, path: string): boolean {
  return path.startsWith(root === sep ? sep : root + sep)
}

export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await lookUp(stat(path))
  return found?.isDirectory() ? 'folder' : found?.isFile() ? 'file' : undefined
}

const maxLineBytes = 8192

async function firstLine(path: string): Promise<string | undefined> {
  await using file = await lookUp(open(path))
  if (!file) return undefined
  const { bytesRead, buffer } = await file.read(Buffer.alloc(maxLineBytes), 0, maxLineBytes, 0)
  return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0]
}

/** What is not there, or cannot be there, is undefined; what may not be looked at, or a failing disk, is an error. */
async function lookUp<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (absent.has(errnoOf(error))) return undefined
    throw new Refusal('repository_unreadable', { cause: error })
  }
}

const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

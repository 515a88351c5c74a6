import { closeSync, constants, lstatSync, openSync, readlinkSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'

/** A repository that exists, as git is told to open it. */
export type Repository = {
  /** Absolute, free of symbolic links, below the root. */
  readonly gitDir: string
}

/** In git's own order (enter_repo in path.c). */
const suffixes = ['/.git', '', '.git/.git', '.git']

/**
 * The one place that turns a repository's name into a folder. It is synchronous: the files are on this host's own disks, and
 * what is looked up is nearly always in the kernel's cache, where it takes microseconds.
 *
 * @param root the real path of the folder below which all repositories lie
 * @param name passed the name rules
 * @returns undefined if there is none, if a symbolic link leads out of the root, or if it lies inside another repository.
 *   Pushes to that one may write files there, such as its work tree, which must not pass for a repository with hooks
 * @throws {Refusal} `repository_unreadable`
 */
export function findRepository(root: string, name: string): Repository | undefined {
  if (isInsideRepository(root, name)) return undefined
  for (const suffix of suffixes) {
    const gitDir = gitDirectory(root, join(root, name) + suffix)
    if (gitDir !== undefined) return { gitDir }
  }
  return undefined
}

/** Whether a folder between the root and the one that `name` stands for is a repository, or has one as its `.git`. */
export function isInsideRepository(root: string, name: string): boolean {
  let folder = root
  for (const part of name
    .replace(/\/\.git$/, '')
    .split('/')
    .slice(0, -1)) {
    folder = join(folder, part)
    // Below a folder that does not exist, there is nothing.
    if (kindOf(folder) === undefined) return false
    if (isGitDirectory(folder) || lookUp(() => lstatSync(join(folder, '.git'), quietly)) !== undefined) return true
  }
  return false
}

/** Whether a folder looks like a git directory to git itself (is_git_directory in setup.c). */
export function isGitDirectory(folder: string): boolean {
  const head = lookUp(() => lstatSync(join(folder, 'HEAD'), quietly))
  if (!head || head.isDirectory()) return false
  const isWhole = kindOf(join(folder, 'objects')) === 'folder' && kindOf(join(folder, 'refs')) === 'folder'
  return isWhole || isLinkedWorkTree(folder)
}

/** The folder of a linked work tree has a HEAD of its own. The rest is in the repository that its `commondir` names. */
function isLinkedWorkTree(folder: string): boolean {
  const commonDir = firstLine(join(folder, 'commondir'))
  return commonDir !== undefined && kindOf(resolve(folder, commonDir, 'objects')) === 'folder'
}

function gitDirectory(root: string, candidate: string): string | undefined {
  const kind = kindOf(candidate)
  if (kind === undefined) return undefined
  const folder = kind === 'folder' ? candidate : targetOfGitFile(candidate)
  if (folder === undefined || !isGitDirectory(folder)) return undefined
  const real = lookUp(() => realpathSync.native(folder))
  return real !== undefined && isBelow(root, real) ? real : undefined
}

/** In a submodule or a linked work tree, `.git` is a file that names the git directory: gitrepository-layout(5). */
function targetOfGitFile(file: string): string | undefined {
  const [, target] = /^gitdir: (.+)$/.exec(firstLine(file) ?? '') ?? []
  return target === undefined ? undefined : resolve(dirname(file), target)
}

export function isBelow(root: string, path: string): boolean {
  return path.startsWith(root === sep ? sep : root + sep)
}

export function kindOf(path: string): 'file' | 'folder' | undefined {
  const found = lookUp(() => statSync(path, quietly))
  return found?.isDirectory() ? 'folder' : found?.isFile() ? 'file' : undefined
}

/** Whether there is anything at a path, even a link that leads nowhere. @throws {Refusal} `repository_unreadable` */
export function isThere(path: string): boolean {
  return lookUp(() => lstatSync(path, quietly)) !== undefined
}

const maxLineBytes = 8192

function firstLine(path: string): string | undefined {
  return beginningOf(path)?.split('\n', 1)[0]
}

/** The first 8 KiB of a file, or as many as asked for. Undefined if there is none. @throws {Refusal} `repository_unreadable` */
export function beginningOf(path: string, maxBytes = maxLineBytes): string | undefined {
  // Opening a pipe would block the whole host.
  if (kindOf(path) !== 'file') return undefined
  const file = lookUp(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
  if (file === undefined) return undefined
  try {
    const buffer = Buffer.alloc(maxBytes)
    const bytes = readSync(file, buffer, 0, maxBytes, 0)
    return buffer.toString('utf8', 0, bytes)
  } finally {
    closeSync(file)
  }
}

/** Most of what is looked for does not exist, and an error costs far more than an undefined. */
const quietly = { throwIfNoEntry: false } as const

/** The folder of what work trees of a repository share. For any but a linked work tree it is `gitDir` itself. */
export function commonDirOf(gitDir: string): string {
  const commonDir = firstLine(join(gitDir, 'commondir'))
  return commonDir === undefined ? gitDir : (lookUp(() => realpathSync.native(resolve(gitDir, commonDir))) ?? gitDir)
}

/** The text of a symbolic link. Undefined if it is none. @throws {Refusal} `repository_unreadable` */
export function linkAt(path: string): string | undefined {
  const isLink = lookUp(() => lstatSync(path, quietly))?.isSymbolicLink() === true
  return isLink ? lookUp(() => readlinkSync(path)) : undefined
}

/** The real path. Undefined if there is nothing. @throws {Refusal} `repository_unreadable` */
export function realPathOf(path: string): string | undefined {
  return lookUp(() => realpathSync.native(path))
}

/** What does not exist, or cannot, is undefined. A lack of permission or a failing disk is an error. */
function lookUp<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (absent.has(errnoOf(error))) return undefined
    throw new Refusal('repository_unreadable', { cause: error })
  }
}

const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

import { basename, dirname, join, relative } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { RepositoryConfig } from '../git/repository-config.ts'
import { JobError } from '../process/job.ts'
import type { RunJob } from '../process/job.ts'
import { beginningOf, isBelow, linkAt, realPathOf } from '../repository/repository.ts'

/*
 * A reference may be another name for one (git-symbolic-ref(1)); a push to it changes the other. So what holds for a
 * reference is asked for by all the names that lead to it.
 */

/** git follows five (SYMREF_MAXDEPTH in refs.c), each of which may have a second name by a link. */
const maxNames = 16

/** Whether references are certainly kept in files of their own. Otherwise, git must be asked for their targets. */
export function keepsRefsInFiles(commonDir: string): boolean {
  return RepositoryConfig.read(commonDir)?.refStorage === 'files'
}

/**
 * The name of a reference and, where it is symbolic, of all those that it leads to. Looks at no more than the files that
 * the names have. Only a loose reference can be symbolic; one in packed-refs cannot.
 *
 * @param gitDir the repository, and with it the references of a linked work tree's own
 * @throws {Refusal} `repository_unreadable`
 */
export function namesInFiles(gitDir: string, commonDir: string, ref: string): string[] {
  const names = [ref]
  for (const name of names) {
    if (names.length > maxNames) break
    if (invalid.test(name)) continue
    const [, plainName = name] = inWorkTree.exec(name) ?? []
    const path = join(ofWorkTree.test(name) ? gitDir : commonDir, isOfMain(name) ? plainName : name)
    const next = [targetOf(path), nameBehindLinks(commonDir, path), plainName]
    for (const other of next) if (other !== undefined && !names.includes(other)) names.push(other)
  }
  return names
}

/** The same, by asking git: for repositories that keep their references in another way. */
export async function namesFromGit(gitDir: string, ref: string, runJob: RunJob): Promise<string[]> {
  if (!isRefName(ref)) return [ref]
  try {
    // 1: it is not symbolic, or not there.
    const target = await runJob(['--git-dir', gitDir, 'symbolic-ref', '--quiet', '--', ref], { okCodes: [0, 1] })
    return target === '' ? [ref] : [ref, target.trim()]
  } catch (cause) {
    throw cause instanceof JobError ? new Refusal('repository_unreadable', { cause }) : cause
  }
}

/** `ref: ` in its file, or a symbolic link whose text is a reference's name (files_read_raw_ref in refs/files-backend.c). */
function targetOf(path: string): string | undefined {
  const link = linkAt(path)
  if (link?.startsWith('refs/')) return link
  const text = beginningOf(path)
  return text?.startsWith('ref:') ? text.slice('ref:'.length).trim() : undefined
}

/** A folder on the way may be a symbolic link to another one below `refs`. */
function nameBehindLinks(commonDir: string, path: string): string | undefined {
  const folder = realPathOf(dirname(path))
  const common = realPathOf(commonDir)
  if (folder === undefined || common === undefined || !isBelow(common, folder)) return undefined
  return join(relative(common, folder), basename(path))
}

/** gitrepository-layout(5): these are each work tree's own, as is HEAD, to which a symbolic reference may lead, too. */
const ofWorkTree = /^(?:refs\/(?:worktree|bisect|rewritten)\/|[^/]+$)/

/** git-worktree(1), "Refs": another work tree's name for a reference, or the main one's. */
const inWorkTree = /^(?:main-worktree|worktrees\/[^/]+)\/(.+)$/

function isOfMain(name: string): boolean {
  return name.startsWith('main-worktree/')
}

/** git-check-ref-format(1): with any other name git refuses the command itself. */
export function isRefName(name: string): boolean {
  return /^refs\/[^/]/.test(name) && !invalid.test(name)
}

/** Of control characters git knows those of ASCII only: what is called invalid here and taken there would be under no rule. */
const invalid = /[\0-\x20\x7f~^:?*[\\\uFFFD]|\.\.|@\{|\/\/|(?:^|\/)\.|^\/|\.lock(?:\/|$)|[./]$/u

import { basename, dirname, join, relative } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { hasInvalidPart, isRefName } from '../git/ref-name.ts'
import { RepositoryConfig } from '../git/repository-config.ts'
import { JobError } from '../process/job/job.ts'
import type { RunJob } from '../process/job/job.ts'
import { beginningOf, isBelow, linkAt, realPathOf } from '../repository/repository.ts'

/*
 * A reference may be symbolic (git-symbolic-ref(1)): a push to it changes the reference that it leads to. So a push is
 * judged by all the names that it may change.
 */

/** Each of the symbolic references that git follows may have more names through links. */
const maxNames = 16

/** Whether references are certainly kept in files of their own. Otherwise, git must be asked for their targets. */
export function keepsRefsInFiles(commonDir: string): boolean {
  return RepositoryConfig.read(commonDir)?.refStorage === 'files'
}

/**
 * The name of a reference and, if it is symbolic, the names of all that it leads to. Reads only the files of these names:
 * loose references can be symbolic, those in packed-refs cannot.
 *
 * @param gitDir the repository, which for a linked work tree has references of its own
 * @throws {Refusal} `repository_unreadable`
 */
export function namesInFiles(gitDir: string, commonDir: string, ref: string): string[] {
  const names = [ref]
  for (const name of names) {
    if (names.length > maxNames) break
    if (hasInvalidPart(name)) continue
    const [, plainName = name] = inWorkTree.exec(name) ?? []
    const path = join(ofWorkTree.test(name) ? gitDir : commonDir, isOfMain(name) ? plainName : name)
    const next = [targetOf(path), nameBehindLinks(commonDir, path), plainName]
    for (const other of next) if (other !== undefined && !names.includes(other)) names.push(other)
  }
  return names
}

/** git follows so many symbolic references: SYMREF_MAXDEPTH in refs.c. */
const maxDepth = 5

/** The name of the reference that a symbolic one leads to, or its own name. Reads its file only, as above. */
export function finalName(gitDir: string, commonDir: string, ref: string): string {
  let name = ref
  for (let depth = 0; depth < maxDepth && isRefName(name); depth++) {
    const target = targetOf(join(ofWorkTree.test(name) ? gitDir : commonDir, name))
    if (target === undefined) break
    name = target
  }
  return name
}

/** All names of a reference in a repository that keeps its references in another way: asks git. */
export async function namesFromGit(gitDir: string, ref: string, runJob: RunJob): Promise<string[]> {
  if (!isRefName(ref)) return [ref]
  try {
    // Exit code 1: it is not symbolic, or does not exist.
    const target = await runJob(['--git-dir', gitDir, 'symbolic-ref', '--quiet', '--', ref], { okCodes: [0, 1] })
    return target === '' ? [ref] : [ref, target.trim()]
  } catch (cause) {
    throw cause instanceof JobError ? new Refusal('repository_unreadable', { cause }) : cause
  }
}

/** A file with `ref: `, or a symbolic link to a reference's name (files_read_raw_ref in refs/files-backend.c). */
function targetOf(path: string): string | undefined {
  const link = linkAt(path)
  if (link?.startsWith('refs/')) return link
  const text = beginningOf(path)
  return text?.startsWith('ref:') ? text.slice('ref:'.length).trim() : undefined
}

/** A folder on the path may be a symbolic link to another one below `refs`. */
function nameBehindLinks(commonDir: string, path: string): string | undefined {
  const folder = realPathOf(dirname(path))
  const common = realPathOf(commonDir)
  if (folder === undefined || common === undefined || !isBelow(common, folder)) return undefined
  return join(relative(common, folder), basename(path))
}

/** References that each work tree has for itself, HEAD among them: gitrepository-layout(5). */
const ofWorkTree = /^(?:refs\/(?:worktree|bisect|rewritten)\/|[^/]+$)/

/** A reference of the main work tree, or of another linked one, by its full name: git-worktree(1), "Refs". */
const inWorkTree = /^(?:main-worktree|worktrees\/[^/]+)\/(.+)$/

function isOfMain(name: string): boolean {
  return name.startsWith('main-worktree/')
}

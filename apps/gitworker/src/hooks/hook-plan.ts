import { statSync } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { OwnSettings } from '../git/push-config.ts'
import type { RunJob } from '../process/job/job.ts'
import { commonDirOf } from '../repository/repository.ts'
import { findForeignHooks } from './foreign-hooks.ts'
import type { ForeignHook } from './foreign-hooks.ts'

/*
 * git runs the hooks of one folder. If a push has hooks, git is shown a folder of ours with a link to hook.sh for each of
 * them. The script runs the operator's hook before the repository's own, and keeps what is set for receive-pack from the
 * git commands of both. Most pushes have no hooks; for them nothing is done.
 */

export type HooksFolder = { readonly folder: string; readonly names: readonly string[] }

export type HookPlan = {
  /** `folder` is the path as git would use it, such as `hooks`, relative to the repository. `path` is absolute. */
  readonly own: HooksFolder & { readonly path: string }
  readonly operators: HooksFolder | undefined
  /** Those of the repository's own hooks that another server has written for itself. */
  readonly foreign: readonly ForeignHook[]
}

/** The hooks that receive-pack runs, or git commands that it starts: githooks(5). */
const servers = [
  'pre-receive',
  'update',
  'proc-receive',
  'post-receive',
  'post-update',
  'reference-transaction',
  'push-to-checkout',
  'post-index-change',
] as const

/**
 * Finds the hooks of a push to a repository, with at most two system calls for each that could exist, and six for each
 * that does.
 *
 * @returns undefined if there are none
 */
export async function planHooks(
  gitDir: string,
  settings: OwnSettings,
  operators: HooksFolder | undefined,
  runJob: RunJob,
): Promise<HookPlan | undefined> {
  const folder = await ownFolder(gitDir, settings, runJob)
  // receive-pack works in the repository's folder.
  const path = resolve(gitDir, folder)
  const names = await hooksIn(path, settings.has('core.hookspath') ? servers : thoseThereAre(path, servers))
  if (names.length === 0 && operators === undefined) return undefined
  return { own: { folder, path, names }, operators, foreign: await findForeignHooks(path, names) }
}

/**
 * The hooks of a repository that git would run, and that another server has written for itself. Only its own folder is
 * looked at, not one that its configuration names.
 */
export async function foreignHooksOf(gitDir: string): Promise<ForeignHook[]> {
  const folder = join(commonDirOf(gitDir), 'hooks')
  return await findForeignHooks(folder, await hooksIn(folder, servers))
}

/**
 * Those of the names that something in the repository's own folder has. Synchronous: as a rule there is none, which the
 * kernel knows in a microsecond, and a thread of libuv's would cost many. A folder that a configuration names may lie on
 * a disk that hangs.
 */
function thoseThereAre(folder: string, names: readonly string[]): string[] {
  return names.filter((name) => {
    try {
      return statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined
    } catch {
      return false
    }
  })
}

/** The hooks that git would run: files that this user may execute. */
async function hooksIn(folder: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0 || !(await stat(folder).catch(() => undefined))?.isDirectory()) return []
  const found = await Promise.all(names.map((name) => isExecutable(join(folder, name))))
  return names.filter((_, index) => found[index])
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

async function ownFolder(gitDir: string, settings: OwnSettings, runJob: RunJob): Promise<string> {
  const said = settings.get('core.hookspath')
  // git reports a variable without a value as an error.
  if (said === undefined || said === null) {
    const commonDir = commonDirOf(gitDir)
    return commonDir === gitDir ? 'hooks' : join(commonDir, 'hooks')
  }
  if (!/^[~%:]/.test(said)) return said
  // A home folder, or another prefix that git expands.
  const args = ['--git-dir', gitDir, 'config', '--type=path', '--get', '--end-of-options', 'core.hooksPath']
  return (await runJob(args, { okCodes: [0, 1] })).replace(/\n$/, '') || 'hooks'
}

import { access, constants, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { OwnSettings } from '../git/push-config.ts'
import type { RunJob } from '../process/job.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * git has one folder of hooks for a repository. Where there are hooks for a push, it is shown a folder of our own, with a
 * link to hook.sh for each: so that the operator's run before the repository's, and so that nothing that is set for
 * receive-pack reaches the git commands of either. Where there are none, which is the rule, nothing is done.
 */

export type HooksFolder = { readonly folder: string; readonly names: readonly string[] }

export type HookPlan = {
  /** `folder` is as git would name it: `hooks`, from within the repository; `path` is the whole of it. */
  readonly own: HooksFolder & { readonly path: string }
  readonly operators: HooksFolder | undefined
}

/** What receive-pack, or git below it, runs: githooks(5). */
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
 * Looks which hooks a push to a repository has. Costs no more than two looks for each that could be.
 *
 * @returns undefined where there are none
 */
export async function planHooks(
  gitDir: string,
  settings: OwnSettings,
  operators: HooksFolder | undefined,
  runJob: RunJob,
): Promise<HookPlan | undefined> {
  const folder = await ownFolder(gitDir, settings, runJob)
  // git's working folder is the repository while it serves.
  const path = resolve(gitDir, folder)
  const names = await hooksIn(path, servers)
  return names.length === 0 && operators === undefined ? undefined : { own: { folder, path, names }, operators }
}

/** The hooks that git would run: files that this user may execute. Where there is no folder, one look tells. */
async function hooksIn(folder: string, names: readonly string[]): Promise<string[]> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) return []
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
  // With no value it is an error, which git tells.
  if (said === undefined || said === null) {
    const commonDir = commonDirOf(gitDir)
    return commonDir === gitDir ? 'hooks' : join(commonDir, 'hooks')
  }
  if (!/^[~%:]/.test(said)) return said
  // Somebody's home, or what else git may know.
  const args = ['--git-dir', gitDir, 'config', '--type=path', '--get', '--end-of-options', 'core.hooksPath']
  return (await runJob(args, { okCodes: [0, 1] })).replace(/\n$/, '') || 'hooks'
}

import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import { isExecutable } from './hook-plan.ts'
import type { HooksFolder } from './hook-plan.ts'

/** The hooks that can run before others of the same name. Those that act in git's place cannot: proc-receive, push-to-checkout. */
const shareable = ['pre-receive', 'update', 'post-receive', 'post-update', 'reference-transaction']

/** What looks like a hook's name. `README` and `pre-receive.sample` do not. */
const hookName = /^[a-z][a-z0-9-]*$/

/**
 * The operator's hooks for all repositories. They are listed once, at the start. If one is removed later, or is no longer
 * executable, it fails, and the push with it.
 *
 * @throws {ConfigError} if the folder cannot be read, or something in it would not run
 */
export async function openOperatorsHooks(path: string | undefined): Promise<HooksFolder | undefined> {
  if (path === undefined) return undefined
  const folder = resolve(path)
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new ConfigError([`SLUICE_HOOKS_FOLDER names ${folder}, which cannot be read (${errnoOf(error)}).`])
  })
  const names = entries.filter((entry) => !entry.isDirectory() && hookName.test(entry.name)).map(({ name }) => name)
  const problems: string[] = []
  for (const name of names) {
    const file = join(folder, name)
    if (!shareable.includes(name)) problems.push(`${file} is none of ${shareable.join(', ')}.`)
    else if (!(await isExecutable(file))) problems.push(`${file} is not an executable file.`)
  }
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `SLUICE_HOOKS_FOLDER: ${problem}`))
  return names.length === 0 ? undefined : { folder, names }
}

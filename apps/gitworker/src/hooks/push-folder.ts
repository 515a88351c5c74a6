import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { ConfigSetting } from '../git/config-file.ts'
import { configText } from '../git/config-file.ts'
import { isExecutable } from './hook-plan.ts'
import type { HookPlan } from './hook-plan.ts'

/*
 * A folder of a push's own, in the runtime directory, which exists as long as anything of the push lives:
 *
 *   <name>/home/        HOME: empty, and no other push's
 *   <name>/gitconfig    the configuration of receive-pack
 *   <name>/hooks/       a link to hook.sh for each hook that exists; git ignores a link that leads nowhere
 *   <name>/hooks.sh     where the hooks are
 *   <name>/input.*      the input that the operator's hook and the repository's own both read
 */

export type PushFolder = AsyncDisposable & { readonly home: string; readonly config: string; readonly hooks: string }

const hookScript = fileURLToPath(new URL('hook.sh', import.meta.url))

/** @throws {ConfigError} if hooks could not be run, since git would ignore them without a word */
export async function checkHookScript(): Promise<void> {
  if (await isExecutable(hookScript)) return
  throw new ConfigError([
    `${hookScript} may not be executed, and hooks run through it: chmod 755 it, on a file system that is not mounted noexec.`,
  ])
}

/**
 * Copies the script that hooks run through to a place where nobody replaces it while it is needed. When a new version
 * is installed over the running one, the sources are missing for a while.
 *
 * @returns the path of the copy, or of the script among the sources if nothing may be executed in the runtime
 *   directory (`/run` is often mounted noexec)
 */
export async function placeHookScript(runFolder: string): Promise<string> {
  const placed = join(runFolder, 'hook.sh')
  try {
    await copyFile(hookScript, `${placed}.new`)
    await chmod(`${placed}.new`, 0o755)
    await rename(`${placed}.new`, placed)
  } catch {
    return hookScript
  }
  return (await isExecutable(placed)) ? placed : hookScript
}

/**
 * Makes a new folder for a push. Disposing of it removes it.
 *
 * @param parent the folder of all of these, in the runtime directory
 * @param onLeft called with the error if it could not be removed; the next supervisor tries again
 * @throws {Refusal} `no_resources` if it cannot be made
 */
export async function openPushFolder(parent: string, onLeft: (error: unknown) => void): Promise<PushFolder> {
  const path = await mkdtemp(join(parent, 'push-')).catch(shortage)
  const [home, config] = [join(path, 'home'), join(path, 'gitconfig')]
  const remove = async () => {
    if (!(await isRemovedAsMade({ path, home, config }))) await removeWhole(path).catch(onLeft)
  }
  try {
    await mkdir(home)
  } catch (error) {
    await remove()
    shortage(error)
  }
  return { home, config, hooks: join(path, 'hooks'), [Symbol.asyncDispose]: remove }
}

/**
 * Writes the configuration and the hooks of a push into its folder.
 *
 * @param script the script that hooks run through
 * @throws {Refusal} `no_resources` if that cannot be done; `hooks_unusable` if git would ignore the hooks
 */
export async function furnish(
  { config, hooks }: PushFolder,
  settings: readonly ConfigSetting[],
  plan: HookPlan | undefined,
  plainConfig: string,
  script: string,
): Promise<void> {
  try {
    await writeFile(config, configText(settings))
    if (!plan) return
    const { own, operators, foreign } = plan
    await mkdir(hooks)
    const lines = [
      `own=${quoted(own.folder)}`,
      `own_path=${quoted(own.path)}`,
      `own_hooks=${quoted(own.names.join(' '))}`,
      `foreign_hooks=${quoted(foreign.map(({ name, writer }) => `${name}=${writer.replaceAll(' ', '-')}`).join(' '))}`,
      `operators=${quoted(operators?.folder ?? '')}`,
      `operators_hooks=${quoted(operators?.names.join(' ') ?? '')}`,
      `plain_config=${quoted(plainConfig)}`,
    ]
    await writeFile(`${hooks}.sh`, `${lines.join('\n')}\n`)
    const names = new Set([...own.names, ...(operators?.names ?? [])])
    for (const name of names) await symlink(script, join(hooks, name))
  } catch (error) {
    shortage(error)
  }
  if (!(await isExecutable(script))) {
    throw new Refusal('hooks_unusable', {
      cause: new Error(`${script} is not there any more, or may not be executed.`),
    })
  }
}

/**
 * Removes the folders of an earlier supervisor's pushes. They have been listed when this returns; removing them may take
 * longer, and nobody waits for it.
 *
 * @param onLeft as for `openPushFolder`
 */
export async function clearPushFolders(parent: string, onLeft: (error: unknown) => void): Promise<void> {
  const names = (await readdir(parent)).filter((name) => /^push-\w{6}$/.test(name))
  for (const name of names) void removeWhole(join(parent, name)).catch(onLeft)
}

function shortage(cause: unknown): never {
  throw new Refusal('no_resources', { cause })
}

/** As a POSIX shell reads it: within single quotes, only the single quote itself is special. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * Removes the folder of a push without hooks, as a rule: it holds nothing but what every push has. A folder that is not
 * empty, or where something is mounted, cannot be removed like this.
 */
async function isRemovedAsMade({ path, home, config }: Record<'path' | 'home' | 'config', string>): Promise<boolean> {
  try {
    await rmdir(home)
    await unlink(config)
    await rmdir(path)
    return true
  } catch {
    return false
  }
}

/**
 * A hook may have left folders that this user may not write to, which are made writable. Links are removed and not followed.
 * If something is mounted there, it is somebody else's, and nothing is removed.
 */
async function removeWhole(path: string): Promise<void> {
  const mounted = await mountBelow(path)
  if (mounted !== undefined) throw new Error(`Something is mounted at ${mounted}: unmount it.`)
  const remove = () => rm(path, { recursive: true, force: true })
  await remove().catch(async (error: unknown) => {
    if (!['EACCES', 'EPERM'].includes(errnoOf(error))) throw error
    await openFolders(path)
    await remove()
  })
}

/** proc_pid_mountinfo(5): the fifth field is the mount point, with white space and backslashes as octal numbers. */
async function mountBelow(path: string): Promise<string | undefined> {
  const [lines, folder] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    realpath(path).catch(() => path),
  ])
  return lines
    .split('\n')
    .map((line) =>
      line.split(' ')[4]?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .find((mount) => mount?.startsWith(`${folder}/`))
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(path, entry.name))
  }
}

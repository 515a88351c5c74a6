import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isOwned } from '@sluice/gitworker/start/parts/directory-owner'
import { errnoOf } from '@sluice/shared/machine/errno'
import { nearestFolder } from './check-addresses.ts'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'

/**
 * Whether a folder that the supervisor makes for itself can be used. It is not made.
 *
 * @param isRunning whether the supervisor with these settings is running: then the folder is its own
 */
export async function checkOwnFolder(setting: string, folder: string, isRunning: boolean): Promise<Finding[]> {
  const path = resolve(folder)
  const nearest = await nearestFolder(path)
  try {
    if (!(await stat(nearest)).isDirectory())
      return [error(setting, `${nearest} is no folder.`, `Set ${setting} to a folder.`)]
    await access(nearest, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (thrown) {
    const todo = `Give it to the user of the service (chown), or set ${setting} to another folder.`
    return [error(setting, `${path} cannot be used: ${nearest} may not be written to (${errnoOf(thrown)}).`, todo)]
  }
  if (nearest !== path) return [ok(setting, `${path} can be made.`)]
  if (!(await isOwned(path).catch(() => false))) return [ok(setting, `${path} can be used.`)]
  if (isRunning) return [ok(setting, `${path}: the running supervisor is using it.`)]
  const todo = `Stop it, or set ${setting} to another folder.`
  return [error(setting, `A supervisor with another address is using ${path}.`, todo)]
}

/** Whether others may read a file that holds a secret. */
export async function checkSecret(setting: string, path: string | undefined): Promise<Finding[]> {
  const mode = path === undefined ? undefined : (await stat(path).catch(() => undefined))?.mode
  if (mode === undefined || (mode & 0o007) === 0) return []
  return [
    warning(setting, `Every user of this machine may ${mode & 0o002 ? 'change' : 'read'} ${path}.`, `chmod o= ${path}`),
  ]
}

/** Whether a file can be written to, or made in its folder. It is not made. */
export async function checkAppendable(setting: string, path: string | undefined): Promise<Finding[]> {
  if (path === undefined) return []
  const found = await stat(path).catch(() => undefined)
  if (found && !found.isFile()) return [error(setting, `${path} is no file.`, `Set ${setting} to the path of a file.`)]
  try {
    await access(found ? path : dirname(path), constants.W_OK)
    return [ok(setting, `${path} can be written to.`)]
  } catch (thrown) {
    const todo = 'Make its folder, and give it to the user of the service.'
    return [error(setting, `${path} cannot be written to (${errnoOf(thrown)}).`, todo)]
  }
}

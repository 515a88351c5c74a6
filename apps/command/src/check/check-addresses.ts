import { access, constants, lstat, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { tryListening } from '@sluice/shared/app/listen'
import { errnoOf } from '@sluice/shared/machine/errno'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'
import { whoAnswers } from '../ask/who-answers.ts'

/** An address that an application listens on. */
export type Place = {
  readonly setting: string
  readonly address: Address
  readonly hasTls: boolean
  /** Whether others may listen there, too. */
  readonly reusePort?: boolean
}

/**
 * Whether an application could listen on an address. One of ours that listens there already is no fault. Nothing is
 * created and no socket is touched; a free TCP port is listened on for an instant.
 */
export async function checkPlace({ setting, address, hasTls, reusePort }: Place): Promise<Finding[]> {
  const where = formatAddress(address)
  const answering = await whoAnswers(address, hasTls)
  if (answering.who === 'sluice') return [runningFinding(setting, where, answering.unready)]
  if (answering.who === 'other')
    return [error(setting, `Another program listens on ${where}.`, `Stop it, or set ${setting} to another address.`)]
  if (address.kind === 'unix') return await checkSocketPath(setting, address.path)
  const problems = await problemsOf(setting, () => tryListening(address, setting, { reusePort: reusePort ?? false }))
  return problems.length > 0 ? problems : [ok(setting, `${where} is free.`)]
}

function runningFinding(setting: string, where: string, unready: string | undefined): Finding {
  if (unready === undefined) return ok(setting, `Sluice is running on ${where}.`)
  return warning(setting, `Sluice is running on ${where}, and is not ready: ${unready}.`)
}

/** Whether a socket could be made there. Nothing is made. */
export async function checkSocketPath(setting: string, path: string): Promise<Finding[]> {
  const found = await lstat(path).catch(() => undefined)
  if (found && !found.isSocket())
    return [error(setting, `${path} is there, and is no socket.`, `Remove it, or set ${setting} to another path.`)]
  const folder = await nearestFolder(dirname(path))
  try {
    if (!(await stat(folder)).isDirectory()) return [error(setting, `${folder} is no folder.`, 'Choose another path.')]
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (thrown) {
    const todo = `Give the user of the service the right to write there, or set ${setting} to another path.`
    return [
      error(setting, `The socket ${path} cannot be made: ${folder} may not be written to (${errnoOf(thrown)}).`, todo),
    ]
  }
  return [ok(setting, `${path} ${found ? 'was left by a process that is gone, and will be replaced' : 'can be made'}.`)]
}

/** The folder itself, or the nearest one above it that exists. */
export async function nearestFolder(path: string): Promise<string> {
  const isThere = await lstat(path).then(
    () => true,
    (thrown: unknown) => errnoOf(thrown) !== 'ENOENT',
  )
  return isThere || dirname(path) === path ? path : await nearestFolder(dirname(path))
}

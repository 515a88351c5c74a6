import { access, constants, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { SupervisorConfig } from '../../config/config.ts'
import type { RunJob } from '../../process/job/job.ts'

/** @throws {ConfigError} where this process is PID 1: Node reaps only the processes that it has started itself */
export function checkReaper(): void {
  if (process.pid === 1) throw new ConfigError([asFirstProcess])
}

const asFirstProcess =
  'The supervisor runs as PID 1, where orphans become its children and nobody reaps them. Put a reaper in front of it: ' +
  '"tini --" as the entry point of the image, "docker run --init", or "init: true" in compose.'

/**
 * @returns the real path of the root
 * @throws {ConfigError} where it is missing or cannot be used
 */
export async function openRoot({ root, createOnPush }: SupervisorConfig): Promise<string> {
  const path = resolve(root)
  try {
    await access(path, constants.R_OK | constants.X_OK | (createOnPush ? constants.W_OK : 0))
    if (!(await stat(path)).isDirectory()) throw Object.assign(new Error(path), { code: 'ENOTDIR' })
    return await realpath(path)
  } catch (error) {
    const words: Record<string, string> = {
      ENOENT: 'does not exist. Create it, or mount it',
      ENOTDIR: 'is not a folder',
    }
    const why = words[errnoOf(error)] ?? `may not be ${createOnPush ? 'written to' : 'read'} by this user`
    // Before its disk is mounted, the folder may be missing, or may belong to root.
    throw new ConfigError([`SLUICE_ROOT names ${path}, which ${why} (${errnoOf(error)}).`], { mayHeal: true })
  }
}

/**
 * @throws {ConfigError} where the folder cannot be read: git would take every signed push for one that it cannot check
 */
export async function checkGnupgHome({ gnupgHome }: SupervisorConfig): Promise<void> {
  if (gnupgHome === undefined) return
  try {
    await access(`${gnupgHome}/.`, constants.R_OK | constants.X_OK)
  } catch (error) {
    throw new ConfigError([`SLUICE_GNUPG_HOME names ${gnupgHome}, which is no folder to read (${errnoOf(error)}).`])
  }
}

/** Does not run the program, so its version is not checked. @throws {ConfigError} where no such program can be run */
export async function checkGitProgram(program: string, path: string): Promise<void> {
  const places = program.includes('/') ? [program] : path.split(':').map((folder) => join(folder, program))
  const found = await Promise.all(
    places.map((place) =>
      access(place, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  if (!found.includes(true)) throw new ConfigError([gitIsMissing(program)])
}

const oldestGit = [2, 34] as const

const neededGit = `git ${oldestGit.join('.')} or newer`

/** The message for the operator. */
export function gitIsMissing(program: string): string {
  return `git is missing: no program "${program}" can be run. Install ${neededGit}, or say with SLUICE_GIT where it is.`
}

/**
 * @returns the first line of `git version`
 * @throws {ConfigError} where it is missing or too old
 */
export async function checkGit(program: string, runJob: RunJob): Promise<string> {
  const said = await runJob(['version']).catch(wordsOf)
  const [version, major, minor] = /^git version (\d+)\.(\d+)[^\n]*/.exec(said) ?? []
  const isNewEnough = Number(major) > oldestGit[0] || (Number(major) === oldestGit[0] && Number(minor) >= oldestGit[1])
  if (version !== undefined && isNewEnough) return version
  if (isMissing.test(said)) throw new ConfigError([gitIsMissing(program)])
  const problem = `SLUICE_GIT names ${program}, which is not ${neededGit}. Asked for its version, it said: ${said.trim()}`
  throw new ConfigError([problem], { mayHeal: isShortage.test(said) })
}

/** The words of Bun and of Node for a program that cannot be run. */
const isMissing = /ENOENT|EACCES|not found in \$PATH/i
const isShortage = /EAGAIN|ENOMEM|EMFILE|ENFILE/

/**
 * The message of an error and of its causes: a job that could not be started fails with a refusal, whose cause says
 * why.
 */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${wordsOf(error.cause)}`
}

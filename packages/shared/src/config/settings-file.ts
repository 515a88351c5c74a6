import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf } from '../machine/errno.ts'
import { ConfigError, isPassing } from './config-error.ts'

/** The size limit. A file with every setting and its description has about 30 kB. */
const maxBytes = 256 * 1024

/** What a settings file says of one setting. */
export type FileEntry = {
  /** As a variable would have it: lists are joined by commas. */
  readonly text: string
  readonly line: number
  /** As it is written in the file: `tls.tls_key`. */
  readonly key: string
}

export type SettingsFile = {
  readonly path: string
  /** By the name of the variable. */
  readonly entries: ReadonlyMap<string, FileEntry>
  /** What is wrong with the form of the file, each with its line. `readConfig` reports it together with wrong values. */
  readonly problems: readonly string[]
}

/**
 * Reads the settings file that SLUICE_CONFIG names, if it names one.
 *
 * @throws {ConfigError} where it cannot be read
 */
export async function readSettingsFile(env: NodeJS.ProcessEnv): Promise<SettingsFile | undefined> {
  const path = settingsFilePath(env)
  if (path === undefined) return undefined
  const text = await readSettingsText(path)
  // A YAML library takes longer to load than most starts should wait for it in vain.
  const { readSettingsDocument } = await import('./settings-document.ts')
  return { path, ...readSettingsDocument(text, path) }
}

/** Undefined where the environment names no settings file. */
export function settingsFilePath(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['SLUICE_CONFIG']
  return !named || named === 'off' ? undefined : resolve(named)
}

/** @throws {ConfigError} where it cannot be read */
export async function readSettingsText(path: string): Promise<string> {
  try {
    const found = await stat(path)
    // A pipe would be waited for, and a device might never end.
    if (found.isDirectory()) throw new Problem('is a folder. Name the file in it')
    if (!found.isFile()) throw new Problem('is no file')
    if (found.size > maxBytes)
      throw new Problem(`has ${found.size} bytes, more than the ${maxBytes} that a settings file may have`)
    return await readFile(path, 'utf8')
  } catch (error) {
    const errno = errnoOf(error)
    const why =
      error instanceof Problem ? error.message : (words[errno] ?? `cannot be read (${errno || String(error)})`)
    // A missing file may still be mounted.
    throw new ConfigError([`SLUICE_CONFIG names ${path}, which ${why}.`], {
      mayHeal: errno !== '' && isPassing(errno),
    })
  }
}

class Problem extends Error {}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist. "sluice config --yaml" writes an example',
  EACCES: 'may not be read by this user',
  ENOTDIR: 'does not exist, since a part of its path is not a folder',
}

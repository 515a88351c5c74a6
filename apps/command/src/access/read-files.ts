import { readFile, stat } from 'node:fs/promises'
import { maxFileBytes } from '@sluice/access/file-size'
import { readPasswordFile } from '@sluice/access/passwords/password-file'
import type { Passwords } from '@sluice/access/passwords/password-file'
import { readRulesFile } from '@sluice/access/rules/rules-file'
import type { Rules } from '@sluice/access/rules/rules-file'
import { readTokenFile } from '@sluice/access/tokens/token-file'
import type { TokenFile } from '@sluice/access/tokens/token-file'
import { errnoOf } from '@sluice/shared/machine/errno'
import { FileError } from '../output/failure.ts'

/*
 * What the files say. All throw a FileError in words where a file cannot be read or is not right.
 */

export async function readPasswords(path: string): Promise<Passwords> {
  return await readAs(path, readPasswordFile, ': "sluice user add" makes it')
}

export async function readRules(path: string): Promise<Rules> {
  return await readAs(path, readRulesFile)
}

export async function readTokens(path: string): Promise<TokenFile> {
  return await readAs(path, readTokenFile, ': "sluice token create" makes it')
}

/** A password file that is not there yet has no users. */
export async function readPasswordsIfAny(path: string): Promise<Passwords> {
  return (await exists(path)) ? await readPasswords(path) : new Map()
}

/** A token file that is not there yet has no tokens. */
export async function readTokensIfAny(path: string): Promise<TokenFile> {
  return (await exists(path)) ? await readTokens(path) : readTokenFile('', path)
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: unknown) => errnoOf(error) !== 'ENOENT',
  )
}

async function readAs<T>(path: string, parse: (text: string, path: string) => T, maker = ''): Promise<T> {
  const text = await readSmall(path, maker)
  try {
    return parse(text, path)
  } catch (cause) {
    throw new FileError(`${(cause as Error).message}.`, { cause })
  }
}

/**
 * @param maker what makes the file, as the end of a sentence
 * @throws {FileError} in words
 */
export async function readSmall(path: string, maker = ''): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new FileError(`${path} is no file.`)
    if (found.size > maxFileBytes) throw new FileError(`${path} has more than ${maxFileBytes} bytes.`)
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT') throw new FileError(`There is no file ${path}${maker}.`, { cause: error })
    throw code === '' ? error : new FileError(`${path} cannot be read (${code}).`, { cause: error })
  }
}

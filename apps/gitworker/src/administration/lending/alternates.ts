import { realpathSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { randomUUID } from 'node:crypto'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { beginningOf, isThere, realPathOf } from '../../repository/repository.ts'

/*
 * The file in which a repository names the folders of objects that it borrows from: gitrepository-layout(5),
 * `objects/info/alternates`. A relative path is relative to the folder of objects. git leaves out a folder that does not
 * exist, with a warning.
 */

/** More would be no list of alternates. */
const maxLines = 1000
const maxBytes = 64 * 1024

/** The lines as they are. Empty where there is no such file. @throws {Refusal} `repository_unreadable` */
export function alternateLines(gitDir: string): string[] {
  const file = fileOf(gitDir)
  if (!isThere(file)) return []
  const text = beginningOf(file, maxBytes)
  if (text === undefined && isThere(file)) throw unreadable(`${file} is no file`)
  if (text !== undefined && Buffer.byteLength(text) >= maxBytes) throw unreadable(`${file} is too large`)
  return (text ?? '').split('\n').filter(isNamed).slice(0, maxLines)
}

function unreadable(why: string): Refusal {
  return new Refusal('repository_unreadable', { cause: new Error(why) })
}

/** The folder of objects that a line of a repository's alternates stands for, whether it exists or not. */
export function folderOf(line: string, gitDir: string): string {
  return resolve(realOr(join(gitDir, 'objects')), unquoted(line) ?? line)
}

/** The path in a line that is quoted as in C: unquote_c_style in quote.c. */
function unquoted(line: string): string | undefined {
  const [, text] = /^"((?:[^"\\]|\\(?:[abfnrtv"\\]|[0-3][0-7]{2}))*)"$/.exec(line) ?? []
  // Octal escapes are bytes of UTF-8.
  if (text === undefined) return undefined
  const bytes = Buffer.from(text)
    .toString('latin1')
    .replaceAll(/\\([0-7]{3}|.)/g, (_, code: string) => meantBy(code))
  return Buffer.from(bytes, 'latin1').toString()
}

function meantBy(code: string): string {
  return escapes[code] ?? (code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : code)
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Whether these are all the lines, and each is read as git reads it. One that no program writes may mean something else. */
function areUnderstood(lines: readonly string[]): boolean {
  return lines.length < maxLines && !lines.some(isOdd)
}

function isOdd(line: string): boolean {
  return line.includes('\uFFFD') || (line.startsWith('"') && unquoted(line) === undefined)
}

/**
 * The real paths of the folders of objects that a repository borrows from. A folder that does not exist is called by its
 * path.
 *
 * @throws {Refusal} `repository_unreadable`, also where it cannot be said which these are
 */
export function borrowedFolders(gitDir: string): string[] {
  const lines = alternateLines(gitDir)
  if (!areUnderstood(lines)) throw unreadable('a line of it cannot be understood, or there are too many')
  return lines.map((line) => {
    const folder = folderOf(line, gitDir)
    return realPathOf(folder) ?? folder
  })
}

/** Replaces the lines, all at once. @throws the file system's error */
export async function writeAlternates(gitDir: string, lines: readonly string[]): Promise<void> {
  const file = fileOf(gitDir)
  if (lines.length === 0) return await rm(file, { force: true })
  const unfinished = `${file}.${randomUUID()}.lock`
  try {
    // On the disk before it takes the other's place: a repository that has lost its alternates is broken.
    await writeFile(unfinished, `${lines.join('\n')}\n`, { flush: true })
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** The real path, or the path as it is where there is nothing. */
export function realOr(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}

function isNamed(line: string): boolean {
  return line !== '' && !line.startsWith('#')
}

function fileOf(gitDir: string): string {
  return join(gitDir, 'objects/info/alternates')
}

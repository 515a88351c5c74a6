import { changeFile } from '../files/changed-file.ts'
import { FileProblem } from '../files/file-problem.ts'
import type { NewFile } from '../files/new-file.ts'
import { endingOf, linesOf, withLine } from '../files/text-lines.ts'
import { readPasswordFile } from './password-file.ts'
import type { Passwords } from './password-file.ts'

/*
 * Changes of a password file. The lines of other users, comments, and the order stay as they are. A file with a fault is
 * not changed: the gateway would not take it.
 */

/**
 * @param name is right: see new-user-name.ts
 * @returns how the file was made, where there was none
 * @throws {FileProblem}
 */
export async function addUser(path: string, name: string, hash: string): Promise<NewFile | undefined> {
  return await changeFile(path, (text = '') => {
    if (usersIn(text, path).has(name)) {
      throw new FileProblem(
        `There is a user ${JSON.stringify(name)} in ${path}: "sluice user passwd" changes the password.`,
      )
    }
    return withLine(text, `${name}:${hash}`)
  })
}

/** @throws {FileProblem} */
export async function changePassword(path: string, name: string, hash: string): Promise<void> {
  await changeFile(path, (text) => {
    mustHave(name, text, path)
    return replaceLine(text!, name, `${name}:${hash}${endingOf(text!)}`)
  })
}

/** @throws {FileProblem} */
export async function removeUser(path: string, name: string): Promise<void> {
  await changeFile(path, (text) => {
    mustHave(name, text, path)
    return replaceLine(text!, name, '')
  })
}

function mustHave(name: string, text: string | undefined, path: string): void {
  if (text === undefined) throw new FileProblem(`There is no file ${path}: "sluice user add" makes it.`)
  if (!usersIn(text, path).has(name)) throw new FileProblem(`There is no user ${JSON.stringify(name)} in ${path}.`)
}

function usersIn(text: string, path: string): Passwords {
  try {
    return readPasswordFile(text, path)
  } catch (cause) {
    throw new FileProblem(`Mend the file first: ${(cause as Error).message}. Nothing was changed.`, { cause })
  }
}

function replaceLine(text: string, name: string, replacement: string): string {
  return linesOf(text)
    .map((line) => (line.startsWith(`${name}:`) ? replacement : line))
    .join('')
}

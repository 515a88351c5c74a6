import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { parseJson } from '@sluice/shared/placement/slot-record'

/** Beside the repositories that it is about: no request can address a name that ends in `.lock`. */
export const copiesFolderName = '.sluice-copies.lock'

/** Which cluster the repositories of a host's disk belong to: a line of text. */
export function identityFile(root: string): string {
  return join(root, copiesFolderName, 'cluster')
}

/** The newest term of each slot that the host has obeyed, as JSON. */
export function termsFile(root: string): string {
  return join(root, copiesFolderName, 'terms.json')
}

/** The newest of all of them; 0 where there is none, or they cannot be read. */
export async function newestTermOn(root: string): Promise<number> {
  const text = await readFile(termsFile(root), 'utf8').catch(() => '{}')
  const terms = Object.values((parseJson(text) ?? {}) as Record<string, unknown>)
  return Math.max(0, ...terms.filter((term) => typeof term === 'number'))
}

/** @returns undefined where there is none @throws the file system's error */
export async function readIdentity(root: string): Promise<string | undefined> {
  return await readLine(identityFile(root))
}

/** Resolves when it is on the disk. @throws the file system's error */
export async function writeIdentity(root: string, id: string): Promise<void> {
  await writeLine(root, identityFile(root), id)
}

/** The start of the machine in which this host was a member last. @throws the file system's error */
export async function readBoot(root: string): Promise<string | undefined> {
  return await readLine(bootFile(root))
}

/** Resolves when it is on the disk. @throws the file system's error */
export async function writeBoot(root: string, boot: string): Promise<void> {
  await writeLine(root, bootFile(root), boot)
}

function bootFile(root: string): string {
  return join(root, copiesFolderName, 'boot')
}

async function readLine(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeLine(root: string, path: string, line: string): Promise<void> {
  const folder = join(root, copiesFolderName)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await using file = await open(`${path}.new`, 'w', 0o600)
  await file.writeFile(`${line}\n`)
  await file.sync()
  await rename(`${path}.new`, path)
  await using opened = await open(folder, 'r')
  await opened.sync()
}

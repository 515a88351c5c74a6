import { open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isKeepName } from '../repository/git-files.ts'

/** The most `.keep` files that are looked at in one repository. */
const maxFiles = 10_000

/** The paths of the packs' `.keep` files. */
export async function keepFilesIn(objects: string): Promise<string[]> {
  const packs = join(objects, 'pack')
  const names = await readdir(packs).catch(() => [])
  return names
    .filter(isKeepName)
    .slice(0, maxFiles)
    .map((name) => join(packs, name))
}

/** Why a pack is kept. For a push, git writes `receive-pack <pid> on <host>`. */
export async function keepReason(path: string): Promise<string> {
  await using file = await open(path).catch(() => undefined)
  if (!file) return ''
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0)
  return buffer.toString('utf8', 0, bytesRead).replace(/\n$/, '')
}

/** Whether a push on this host has made it. Others keep packs for reasons of their own. */
export function isOfPushHere(reason: string): boolean {
  return /^receive-pack \d+ on /.test(reason) && reason.endsWith(` on ${hostname()}`)
}

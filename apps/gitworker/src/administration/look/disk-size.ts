import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { objectsFolder } from '../../lfs/storage/disk/object-paths.ts'

/** What a repository's objects, and those of LFS in it, take on the disk. Bytes are those of whole blocks. */
export type DiskSize = {
  readonly packs: number
  readonly packBytes: number
  readonly looseObjects: number
  readonly looseBytes: number
  readonly lfsObjects: number
  readonly lfsBytes: number
  /** Temporary files, and quarantines of pushes that run or have died. */
  readonly temporaryBytes: number
}

/** Of more folders of loose objects than this, a quick look samples so many. */
const sampled = 8

/**
 * Adds up the files of the folder of objects. That of a repository that lends objects to this one is not counted.
 *
 * @param isQuick counts packs exactly, and loose objects and those of LFS by a sample, as git's own gc --auto does
 */
export async function diskSize(gitDir: string, isQuick = false): Promise<DiskSize> {
  const objects = join(gitDir, 'objects')
  const names = await namesIn(objects)
  const fanOut = names.filter((name) => /^[0-9a-f]{2}$/.test(name))
  const looked = isQuick ? sampleOf(fanOut) : fanOut
  const loose = await sizesIn(looked.map((name) => join(objects, name)))
  const scale = looked.length === 0 ? 1 : fanOut.length / looked.length
  const packs = await packsIn(join(objects, 'pack'))
  const quarantines = names.filter((name) => name.startsWith('tmp_objdir-'))
  return {
    ...packs,
    looseObjects: Math.round(loose.files * scale),
    looseBytes: Math.round(loose.bytes * scale),
    ...(await lfsIn(objectsFolder(gitDir), isQuick)),
    temporaryBytes: packs.temporaryBytes + (await bytesBelow(quarantines.map((name) => join(objects, name)))),
  }
}

export function bytesInAll({ packBytes, looseBytes, lfsBytes, temporaryBytes }: DiskSize): number {
  return packBytes + looseBytes + lfsBytes + temporaryBytes
}

/** Of the packs that a repack or a push is writing: how many bytes there are. */
export async function temporaryPackBytes(gitDir: string): Promise<number> {
  return (await packsIn(join(gitDir, 'objects', 'pack'))).temporaryBytes
}

/** In folders of folders, both named by the beginning of a hash. */
async function lfsIn(folder: string, isQuick: boolean): Promise<{ lfsObjects: number; lfsBytes: number }> {
  const names = await namesIn(folder)
  const looked = isQuick ? sampleOf(names) : names
  let files = 0
  let bytes = 0
  for (const name of looked) {
    const outer = join(folder, name)
    const inner = await sizesIn((await namesIn(outer)).map((one) => join(outer, one)))
    files += inner.files
    bytes += inner.bytes
  }
  const scale = looked.length === 0 ? 1 : names.length / looked.length
  return { lfsObjects: Math.round(files * scale), lfsBytes: Math.round(bytes * scale) }
}

/** Evenly spread: objects are named by hashes, so that each folder has as many as the others. */
function sampleOf(folders: readonly string[]): string[] {
  if (folders.length <= sampled) return [...folders]
  return Array.from({ length: sampled }, (_, index) => folders[Math.floor((index * folders.length) / sampled)]!)
}

async function packsIn(folder: string): Promise<{ packs: number; packBytes: number; temporaryBytes: number }> {
  const names = await namesIn(folder)
  let packBytes = 0
  let temporaryBytes = 0
  for (const name of names) {
    const bytes = await bytesOf(join(folder, name))
    if (/^\.?tmp[-_]/.test(name)) temporaryBytes += bytes
    else packBytes += bytes
  }
  return { packs: names.filter((name) => name.endsWith('.pack')).length, packBytes, temporaryBytes }
}

async function sizesIn(folders: readonly string[]): Promise<{ files: number; bytes: number }> {
  let files = 0
  let bytes = 0
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      files++
      bytes += await bytesOf(join(folder, name))
    }
  }
  return { files, bytes }
}

async function bytesBelow(folders: readonly string[]): Promise<number> {
  let bytes = 0
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true }).catch(() => [])
    for (const name of entries) bytes += await bytesOf(join(folder, name))
  }
  return bytes
}

async function bytesOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isFile() ? found.blocks * 512 : 0
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}

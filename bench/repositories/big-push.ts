import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git } from '@sluice/shared/testing/git'
import { blob, commit, importInto } from './fast-import.ts'
import { RandomBytes } from './random-bytes.ts'

const fileBytes = 2 ** 20
const none = '0'.repeat(40)

/** A file with the body of a first push to main, as git sends it: the command, then a pack of one commit with `megabytes` files. */
export async function buildBigPush(file: string, megabytes: number): Promise<void> {
  const gitDir = `${file}.git`
  await importInto(gitDir, inputOf(megabytes), [
    'core.compression=0',
    'core.bigFileThreshold=1m',
    'fastimport.unpackLimit=1',
  ])
  const id = await git(gitDir, ['rev-parse', 'main'])
  const packs = join(gitDir, 'objects/pack')
  const pack = (await readdir(packs)).find((name) => name.endsWith('.pack'))!
  const command = pktLine(
    `${none} ${id} refs/heads/main\0 report-status side-band-64k object-format=sha1 agent=git/2.39.5`,
  )
  await pipeline(async function* () {
    yield command + flushPacket
    yield* createReadStream(join(packs, pack))
  }, createWriteStream(file))
  await rm(gitDir, { recursive: true })
}

function* inputOf(megabytes: number): Iterable<Buffer> {
  const random = new RandomBytes('big push')
  for (let mark = 1; mark <= megabytes; mark++) yield blob(mark, random.take(fileBytes))
  const files = Object.fromEntries(
    Array.from({ length: megabytes }, (_, index) => [`file-${index}`, { mark: index + 1 }]),
  )
  yield commit({ ref: 'refs/heads/main', day: 0, message: 'Add large files\n', files })
}

import { git } from '@sluice/shared/testing/git'
import { blob, commit, importInto } from './fast-import.ts'
import { RandomBytes } from './random-bytes.ts'

const blobs = 24
const blobBytes = 4 * 2 ** 20
const blobsInPack = 4

/** The least number of bytes that a clone of one branch gets. */
export const bulkPackBytes = blobsInPack * blobBytes

/**
 * Branches with different packs of 16 MB, which cost git next to nothing to make. Each branch has another choice of
 * four of the same large files.
 */
export async function buildBulk(gitDir: string, branches: number): Promise<void> {
  await importInto(gitDir, inputOf(branches), ['core.compression=0', 'core.bigFileThreshold=1m'])
  await git(gitDir, ['pack-refs', '--all'])
}

function* inputOf(branches: number): Iterable<Buffer> {
  const random = new RandomBytes('bulk')
  for (let index = 1; index <= blobs; index++) yield blob(index, random.take(blobBytes))
  const choices = choose(
    blobsInPack,
    Array.from({ length: blobs }, (_, index) => index + 1),
  )
  for (let branch = 0; branch < branches; branch++) {
    const chosen = choices.next().value!
    const files = Object.fromEntries(chosen.map((mark) => [`file-${mark}`, { mark }]))
    yield commit({ ref: `refs/heads/branch-${branch}`, day: branch, message: `Branch ${branch}\n`, files })
  }
}

/** All ways to choose `count` of some numbers. */
function* choose(count: number, of: readonly number[]): Generator<readonly number[], void> {
  if (count === 0) yield []
  for (const [index, first] of count === 0 ? [] : of.entries()) {
    for (const rest of choose(count - 1, of.slice(index + 1))) yield [first, ...rest]
  }
}

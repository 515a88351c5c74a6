import { git } from '@sluice/shared/testing/git'
import { annotatedTag, commit, importInto, pointAt } from './fast-import.ts'
import { RandomBytes } from './random-bytes.ts'

const folders = 40
const filesInFolder = 50
const bytesOfFile = 3700

/**
 * A history of many commits on main. Each replaces one of 2,000 files with about 4 KB that hardly compress. Branches
 * and annotated tags point at evenly spaced commits. The repository is packed like a server's after gc: one pack with a
 * bitmap, packed refs and a commit graph.
 */
export async function buildHistory(
  gitDir: string,
  size: { readonly commits: number; readonly branches: number; readonly tags: number },
): Promise<void> {
  await importInto(gitDir, historyOf(size))
  await git(gitDir, ['repack', '-a', '-d', '-f', '-q'])
  await git(gitDir, ['pack-refs', '--all'])
  await git(gitDir, ['commit-graph', 'write', '--reachable', '--no-progress'])
}

function* historyOf(size: { commits: number; branches: number; tags: number }): Iterable<Buffer> {
  const random = new RandomBytes('history')
  for (let index = 1; index <= size.commits; index++) {
    const file = random.number(folders * filesInFolder)
    const path = `folder-${file % folders}/file-${Math.floor(file / folders)}.txt`
    yield commit({
      ref: 'refs/heads/main',
      mark: index,
      day: index / 24,
      message: `Rewrite ${path}\n\nThis is change ${index}.\n`,
      files: { [path]: textOf(random.take(bytesOfFile)) },
    })
  }
  for (let index = 1; index < size.branches; index++) {
    yield pointAt(`refs/heads/topic/${index}`, Math.ceil((index * size.commits) / size.branches))
  }
  for (let index = 1; index <= size.tags; index++) {
    yield annotatedTag(`v1.${index}`, Math.floor((index * size.commits) / size.tags))
  }
}

/** In lines, as in people's files. A quarter of it compresses away. */
function textOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64').replaceAll(/.{76}/g, '$&\n'))
}

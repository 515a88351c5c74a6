import { git } from '@sluice/shared/testing/git'
import { commit, importInto, pointAt } from './fast-import.ts'

const commits = 1000

/** A tiny repository with very many branches. */
export async function buildManyRefs(gitDir: string, refs: number): Promise<void> {
  await importInto(gitDir, inputOf(refs))
  await git(gitDir, ['repack', '-a', '-d', '-f', '-q'])
  await git(gitDir, ['pack-refs', '--all'])
}

function* inputOf(refs: number): Iterable<Buffer> {
  for (let index = 1; index <= commits; index++) {
    const files = { 'number.txt': Buffer.from(`${index}\n`) }
    yield commit({ ref: 'refs/heads/main', mark: index, day: index, message: `Count to ${index}\n`, files })
  }
  for (let index = 1; index < refs; index++)
    yield pointAt(`refs/heads/team-${index % 100}/topic-${index}`, (index % commits) + 1)
}

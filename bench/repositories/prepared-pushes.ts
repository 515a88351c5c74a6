import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '@sluice/shared/testing/git'
import { commit, continueImport } from './fast-import.ts'

const listName = 'prepared-commits'

/** A pusher's repository: a copy of `original` with many commits on top of main to which no ref points. */
export async function buildPreparedPushes(gitDir: string, original: string, count: number): Promise<void> {
  await cp(original, gitDir, { recursive: true })
  const main = await git(gitDir, ['rev-parse', 'main'])
  await continueImport(gitDir, inputOf(count, main))
  const ids = await git(gitDir, ['for-each-ref', '--format=%(objectname)', 'refs/prepared'])
  // Refs would cost the client of each push some time.
  const refs = await git(gitDir, ['for-each-ref', '--format=delete %(refname)', 'refs/prepared'])
  await git(gitDir, ['update-ref', '--stdin'], { input: `${refs}\n` })
  await git(gitDir, ['pack-refs', '--all'])
  await writeFile(join(gitDir, listName), ids)
}

export async function preparedCommits(gitDir: string): Promise<string[]> {
  return (await readFile(join(gitDir, listName), 'utf8')).split('\n').filter(Boolean)
}

function* inputOf(count: number, main: string): Iterable<Buffer> {
  for (let index = 0; index < count; index++) {
    const files = { 'note.txt': Buffer.from(`This is note ${index}.\n`) }
    yield commit({
      ref: `refs/prepared/${index}`,
      day: 4000 + index,
      message: `Add note ${index}\n`,
      from: main,
      files,
    })
  }
}

import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { repositoriesBelow } from './walk-root.ts'
import type { Walked } from './walk-root.ts'
import { bytesInAll, diskSize } from './disk-size.ts'
import { lastPush } from './last-push.ts'
import type { FactsReader, RepositoryFacts } from './repository-facts.ts'

/** One repository in the list. What could not be read has a `problem` instead of facts. */
export type Listed = {
  readonly name: string
  /** Bytes on the disk; loose objects are counted by a sample. */
  readonly size: number
  /** ISO 8601; null where nothing tells it. See last-push.ts. */
  readonly lastPush: string | null
} & (RepositoryFacts | { readonly problem: string })

/** So many are looked at at once: requests need the file system, too. */
const atOnce = 4

/**
 * Lists the repositories, in the order of their names within each folder, as they are found. Holds only a few of them in
 * memory.
 *
 * @param pattern only those whose plain names fit: see name-pattern.ts
 */
export async function* listRepositories(root: string, facts: FactsReader, pattern = '**'): AsyncGenerator<Listed> {
  const fits = fitsPattern(pattern)
  let chunk: Walked[] = []
  for await (const one of repositoriesBelow(root)) {
    if (!fits(one.name)) continue
    chunk.push(one)
    if (chunk.length < atOnce) continue
    yield* await Promise.all(chunk.map((repository) => listed(repository, facts)))
    chunk = []
  }
  yield* await Promise.all(chunk.map((repository) => listed(repository, facts)))
}

async function listed({ name, gitDir }: Walked, facts: FactsReader): Promise<Listed> {
  const [size, time] = await Promise.all([diskSize(gitDir, true), lastPush(gitDir)])
  const common = { name, size: bytesInAll(size), lastPush: time === undefined ? null : new Date(time).toISOString() }
  try {
    return { ...common, ...(await facts.of(gitDir, name)) }
  } catch {
    return { ...common, problem: 'Its configuration cannot be read.' }
  }
}

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunJob } from '../../process/job/job.ts'
import { bytesInAll, diskSize } from './disk-size.ts'
import type { DiskSize } from './disk-size.ts'
import { lastPush } from './last-push.ts'
import type { FactsReader, RepositoryFacts } from './repository-facts.ts'

/** What is known of one repository by itself. */
export type Shown = RepositoryFacts & {
  readonly name: string
  /** On the disk of the host. */
  readonly path: string
  readonly lastPush: string | null
  readonly size: number
  readonly objects: DiskSize
  readonly branches: number
  readonly tags: number
  readonly references: number
  /** The repository's own hooks that git would run. */
  readonly hooks: readonly string[]
}

/** @throws {Refusal} `repository_unreadable`; {JobError} where git fails */
export async function showRepository(
  { name, gitDir }: { readonly name: string; readonly gitDir: string },
  facts: FactsReader,
  runJob: RunJob,
): Promise<Shown> {
  const count = async (below: string) => {
    // Each is an empty line, so that many fit into a job's output.
    const lines = await runJob(['--git-dir', gitDir, 'for-each-ref', '--format=', '--', below])
    return lines.length
  }
  const [own, objects, time, hooks] = await Promise.all([
    facts.of(gitDir, name),
    diskSize(gitDir),
    lastPush(gitDir),
    hooksIn(join(gitDir, 'hooks')),
  ])
  return {
    name,
    path: gitDir,
    ...own,
    lastPush: time === undefined ? null : new Date(time).toISOString(),
    size: bytesInAll(objects),
    objects,
    branches: await count('refs/heads/'),
    tags: await count('refs/tags/'),
    references: await count('refs/'),
    hooks,
  }
}

/** Executable files, without git's samples. */
async function hooksIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  const hooks: string[] = []
  for (const name of names.filter((one) => !one.endsWith('.sample')).toSorted()) {
    const found = await stat(join(folder, name)).catch(() => undefined)
    if (found?.isFile() && (found.mode & 0o111) !== 0) hooks.push(name)
  }
  return hooks
}

/**
 * Roughly what a gc would give back, in bytes. A loose object takes whole blocks, and is stored by itself; in a pack it takes
 * a fourth of its blocks, by what packs of small pushes were seen to take.
 */
export function roughSavings({ looseBytes }: DiskSize): number {
  return Math.round((looseBytes * 3) / 4)
}

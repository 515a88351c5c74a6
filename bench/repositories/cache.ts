import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '@sluice/shared/testing/git'
import { buildBigPush } from './big-push.ts'
import { buildBulk } from './bulk.ts'
import { buildHistory } from './history.ts'
import { removeLeftovers } from './leftovers.ts'
import { buildManyRefs } from './many-refs.ts'
import { buildPreparedPushes } from './prepared-pushes.ts'

/** Names the content. Change it whenever the content changes. */
const version = 'sluice-bench-1'

export const smallRefs = 100
export const largeRefs = 10
export const manyRefs = 20_000
export const bulkBranches = 200

const builders = {
  'small.git': (path) => buildHistory(path, { commits: 1250, branches: 80, tags: smallRefs - 80 }),
  'medium.git': (path) => buildHistory(path, { commits: 5000, branches: 5, tags: largeRefs - 5 }),
  'large.git': (path) => buildHistory(path, { commits: 50_000, branches: 5, tags: largeRefs - 5 }),
  'refs.git': (path) => buildManyRefs(path, manyRefs),
  'bulk.git': (path) => buildBulk(path, bulkBranches),
  'pushes.git': (path, root) => buildPreparedPushes(path, join(root, 'small.git'), 5000),
  'push-100.body': (path) => buildBigPush(path, 100),
  'push-1000.body': (path) => buildBigPush(path, 1000),
} as const satisfies Record<string, (path: string, root: string) => Promise<void>>

export type Repositories = {
  /** The root that all contestants serve. */
  readonly root: string
  /** The names of repositories, below the root. */
  readonly small: string
  readonly large: string
  /** The repository that is cloned many times at once. */
  readonly popular: string
  readonly refs: string
  readonly bulk: string
  /** Paths. */
  readonly pushes: string
  readonly bigPush: string
  readonly bigPushBytes: number
}

/** Builds the repositories that are missing below `cache`. They stay there for the next run. */
export async function repositoriesIn(
  cache: string,
  quick: boolean,
  progress: (what: string) => void,
): Promise<Repositories> {
  const root = join(cache, version)
  await mkdir(root, { recursive: true })
  await removeLeftovers(root, /^unfinished-(\d+)-/)
  await removeLeftovers(join(root, 'runs'), /^(\d+)$/)
  const [large, bigPush] = quick
    ? (['medium.git', 'push-100.body'] as const)
    : (['large.git', 'push-1000.body'] as const)
  for (const name of ['small.git', large, 'medium.git', 'refs.git', 'bulk.git', 'pushes.git', bigPush] as const) {
    await buildOnce(root, name, progress)
  }
  return {
    root,
    small: 'small.git',
    large,
    popular: quick ? 'small.git' : 'medium.git',
    refs: 'refs.git',
    bulk: 'bulk.git',
    pushes: join(root, 'pushes.git'),
    bigPush: join(root, bigPush),
    bigPushBytes: (await stat(join(root, bigPush))).size,
  }
}

async function buildOnce(root: string, name: keyof typeof builders, progress: (what: string) => void): Promise<void> {
  const path = join(root, name)
  if (await stat(path).catch(() => undefined)) return
  progress(`building ${name}, once`)
  // It has another name until it is whole, in case this run is ended.
  const unfinished = join(root, `unfinished-${process.pid}-${name}`)
  await builders[name](unfinished, root)
  try {
    await rename(unfinished, path)
  } catch (error) {
    // Another run was faster.
    await rm(unfinished, { recursive: true, force: true })
    if (!(await stat(path).catch(() => undefined))) throw error
  }
}

/** The commits of main, oldest first. */
export async function commitsOf(root: string, repository: string): Promise<string[]> {
  return (await git(join(root, repository), ['rev-list', '--first-parent', '--reverse', 'main'])).split('\n')
}

/** The approximate size of what a clone gets. */
export async function packBytesOf(root: string, repository: string): Promise<number> {
  const folder = join(root, repository, 'objects/pack')
  const packs = (await readdir(folder)).filter((name) => name.endsWith('.pack'))
  const sizes = await Promise.all(packs.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((a, b) => a + b, 0)
}

/** The commits that branches with this prefix point at. */
export async function tipsOf(root: string, repository: string, prefix: string): Promise<string[]> {
  const refs = await git(join(root, repository), ['for-each-ref', '--format=%(objectname)', `refs/heads/${prefix}*`])
  return refs.split('\n')
}

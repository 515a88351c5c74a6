import type { Task } from './plan.ts'

/**
 * The git commands of a task: the arguments that follow `git`.
 *
 * @param gitDir absolute
 */
export function commandsOf(task: Task, gitDir: string): string[][] {
  return argumentsOf(task).map((command) => [`--git-dir=${gitDir}`, ...command])
}

const commands = {
  'pack-refs': [['pack-refs', '--all']],
  'expire-reflogs': [['reflog', 'expire', '--all']],
} as const satisfies Record<Exclude<Task['kind'], Varied>, readonly (readonly string[])[]>

// -l: what is borrowed stays borrowed. -n: no file is made for clients that read nothing but files.
const joinGeometrically = [
  'repack',
  '-d',
  '-l',
  '-n',
  '-q',
  '--geometric=2',
  '--write-midx',
  '--write-bitmap-index',
] as const

const joinPacks = [
  ['maintenance', 'run', '--quiet', '--task=loose-objects'],
  // Removes loose objects that are in a pack now, and no others.
  ['prune-packed', '--quiet'],
  ['multi-pack-index', 'write', '--no-progress'],
  ['multi-pack-index', 'repack', '--no-progress', '--batch-size=0'],
  ['multi-pack-index', 'expire', '--no-progress'],
] as const

const bitmapOverPacks = ['multi-pack-index', 'write', '--no-progress', '--bitmap'] as const

/** Tasks whose commands depend on more than their kind. */
type Varied = 'repack-all' | 'repack-geometric' | 'join-packs' | 'commit-graph'

function argumentsOf(task: Task): readonly (readonly string[])[] {
  if (task.kind === 'repack-all') {
    const { bitmap, keeps } = task
    const isOfOnePack = bitmap && keeps.length === 0
    // git writes one by default, too.
    const written = isOfOnePack ? '-b' : '--no-write-bitmap-index'
    const repack = ['repack', '-a', '-d', '-l', '-n', '-q', written, ...unreachable(task), ...kept(keeps)]
    return bitmap && !isOfOnePack ? [repack, bitmapOverPacks] : [repack]
  }
  if (task.kind === 'repack-geometric') return [[...joinGeometrically, ...kept(task.keeps)]]
  if (task.kind === 'join-packs') return task.bitmap ? [...joinPacks, bitmapOverPacks] : joinPacks
  if (task.kind === 'commit-graph') {
    return [['commit-graph', 'write', '--reachable', '--changed-paths', ...(task.split ? ['--split'] : [])]]
  }
  return commands[task.kind]
}

function unreachable({ cruft, expiresBefore }: Task & { kind: 'repack-all' }): string[] {
  if (!cruft) return ['--keep-unreachable']
  const until = expiresBefore === undefined ? 'never' : `@${Math.floor(expiresBefore / 1000)}`
  return ['--cruft', `--cruft-expiration=${until}`]
}

function kept(names: readonly string[]): string[] {
  return names.map((name) => `--keep-pack=${name}.pack`)
}

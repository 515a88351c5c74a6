import { configFileNames, RepositoryConfig } from '../../git/repository-config.ts'
import { isHashOrWithin, lookAtLooseRefs } from './loose-refs.ts'
import { lookAtFolder, lookAtObjects } from './objects-folder.ts'
import { StatInfo } from './stat-info.ts'

/*
 * A fingerprint is the stat information of every file that git reads for a reply. While none of it differs, git would
 * give the same reply. It is taken before git starts, so every later change shows as a difference, whether git has seen
 * it or not.
 *
 * The times of files are too coarse to show every change. Kernels before 6.13 give the same time to everything that
 * happens within one tick (4 to 10 ms), some file systems to everything within one second, and inode numbers are reused
 * at once. So of two changes in quick succession, the second one may leave no trace. A fingerprint is therefore racy
 * (git's own term: Documentation/technical/racy-git.txt) if anything in it changed just before it was taken, or has a
 * time in the future. Nothing may be kept under a racy fingerprint.
 *
 * "Just before" means within a second and a tick. For files whose times are finer than a millisecond, it means within a
 * quarter of a second, because only the kernel's ticks are coarse there; a quarter of a second is many ticks, in case
 * they come late. It is measured from when the fingerprint was taken, not from when git has ended: otherwise a git that
 * runs for a while would make the change look old.
 *
 * Every loose reference is looked at by itself. The times of a folder change with everything that is created, renamed
 * and deleted in it, and git does nothing else. But `echo $id > refs/heads/main` rewrites a file in place, and leaves
 * its folder as it was. A look costs 2 to 3 µs for each loose reference, and reading it once costs 4; git spends more
 * than 10.
 *
 * Objects never change, but they come and go: with gc, with a link to another disk, or in a repository that lends them.
 * A tag whose object is missing is listed without its target, and no pack can be made of missing objects. See
 * objects-folder.ts.
 */
export type Fingerprint = {
  /** Whether everything is as it was. */
  stands(): boolean
  /** What makes some replies from this repository differ each time. */
  readonly traits: ReadonlySet<Trait>
  /** Roughly the memory that it takes up. */
  readonly bytes: number
} & Disposable

/**
 * Something about a repository that makes a kind of reply differ although no file has changed: the id of `session-id` is
 * random, the nonce of a `push-certificate` contains the time, `alternates` show references of other repositories, and a
 * `promisor` may be asked for missing objects.
 */
export type Trait = 'session-id' | 'push-certificate' | 'alternates' | 'promisor'

/**
 * What a reply depends on. `config`: the configuration, for capabilities. `refs`: that, all references, and which
 * objects exist. `pack`: everything that a fetch in protocol version 2 depends on. Such a fetch may ask for any object.
 * docs/internals/caches.md has a table.
 */
export type Scope = 'config' | 'refs' | 'pack'

/**
 * @param gitDir the real path of a git directory on a local file system
 * @param changedBefore milliseconds since 1970: the fingerprint is undefined if anything in it is not older
 * @param finelyChangedBefore the same for files whose times are finer than a millisecond
 * @returns undefined if no replies from this repository may be kept
 */
export function fingerprintOf(
  gitDir: string,
  scope: Scope,
  changedBefore = Infinity,
  finelyChangedBefore = changedBefore,
): Fingerprint | undefined {
  const files = new StatInfo(changedBefore, finelyChangedBefore)
  const traits = new Set<Trait>()
  if (lookAtAll(gitDir, scope, files, traits)) {
    const { bytes } = files
    return { stands: () => files.stands(), traits, bytes, [Symbol.dispose]: () => files[Symbol.dispose]() }
  }
  files[Symbol.dispose]()
  return undefined
}

function lookAtAll(gitDir: string, scope: Scope, files: StatInfo, traits: Set<Trait>): boolean {
  const path = (name: string) => `${gitDir}/${name}`
  // A linked work tree has its HEAD here and its refs elsewhere.
  if (files.look(path('HEAD')) !== 'file' || files.look(path('commondir')) !== 'absent') return false
  const config = lookAtConfig(gitDir, files)
  if (!config) return false
  for (const trait of config.traits) traits.add(trait)
  if (scope === 'config') return true

  if (!isHashOrWithin(path('HEAD'), ['refs'])) return false
  if (!isFileOrAbsent(files.look(path('shallow')))) return false
  if (scope === 'pack' && !lookAtHistory(gitDir, files)) return false
  const objects = lookAtObjects(path('objects'), files)
  if (!objects) return false
  // Pushes are shown the references of those repositories as `.have`.
  if (objects.borrows) traits.add('alternates')
  return config.refStorage === 'reftable' ? lookAtReftable(gitDir, files) : lookAtRefs(gitDir, scope, files)
}

/** @returns undefined if the configuration is not all that git reads, or is not understood */
function lookAtConfig(gitDir: string, files: StatInfo) {
  // A link leads to a file that is not looked at.
  if (!configFileNames.every((name) => isFileOrAbsent(files.look(`${gitDir}/${name}`)))) return undefined
  // Read after the files were looked at: a change in between shows in their times.
  const config = RepositoryConfig.read(gitDir)
  const refStorage = config?.refStorage
  if (!config || !refStorage) return undefined
  return { refStorage, traits: traitsByWord.filter(([word]) => config.mentions(word)).map(([, trait]) => trait) }
}

const traitsByWord: readonly (readonly [RegExp, Trait])[] = [
  [/advertisesid/i, 'session-id'],
  [/certnonceseed/i, 'push-certificate'],
  [/promisor|partialclone/i, 'promisor'],
]

/** What gives commits other parents than they name, or caches their parents. */
function lookAtHistory(gitDir: string, files: StatInfo): boolean {
  const cached = `${gitDir}/objects/info`
  return (
    isFileOrAbsent(files.look(`${gitDir}/info/grafts`)) &&
    lookAtFolder(cached, files) !== 'unfit' &&
    isFileOrAbsent(files.look(`${cached}/commit-graph`)) &&
    lookAtFolder(`${cached}/commit-graphs`, files) !== 'unfit'
  )
}

/**
 * reftable.txt: all references are in tables that never change. `tables.list` names the tables, and is replaced with each
 * change. While it is held open, its inode number is not reused. Even here a reference may lead to a file beside HEAD, or
 * to another work tree.
 */
function lookAtReftable(gitDir: string, files: StatInfo): boolean {
  return (
    ['FETCH_HEAD', 'MERGE_HEAD'].every((name) => isFileOrAbsent(files.look(`${gitDir}/${name}`))) &&
    files.look(`${gitDir}/worktrees`) === 'absent' &&
    files.hold(`${gitDir}/reftable/tables.list`)
  )
}

function lookAtRefs(gitDir: string, scope: 'refs' | 'pack', files: StatInfo): boolean {
  if (!isFileOrAbsent(files.look(`${gitDir}/packed-refs`))) return false
  if (scope === 'refs') return lookAtLooseRefs(gitDir, files)
  // Tags come along with a pack. It does not depend on branches.
  return files.look(`${gitDir}/refs`) === 'folder' && lookAtLooseRefs(gitDir, files, ['refs/tags', 'refs/replace'])
}

function isFileOrAbsent(kind: string): boolean {
  return kind === 'file' || kind === 'absent'
}

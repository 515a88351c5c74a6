import { configFileNames, RepositoryConfig } from '../../git/repository-config.ts'
import { isHashOrWithin, lookAtLooseRefs } from './loose-refs.ts'
import { lookAtFolder, lookAtObjects } from './objects-folder.ts'
import { StatInfo } from './stat-info.ts'

/*
 * What git's answers depend on, as the stat information of every file that git would read for them. While nothing of it
 * differs, git would answer the same. It is taken before git starts, so that whatever changes from then on, before git
 * reads it or after, shows as a difference.
 *
 * That holds only for files that are older than a file system's clock is coarse. Kernels before 6.13 stamp what happens
 * within one tick (4 to 10 ms) alike, some file systems whatever happens within one second, and an inode number is used
 * again at once: of two changes so close to each other the second leaves no trace. So a fingerprint with anything in it
 * from just before it was taken, or from the future, is racy (git's own term: Documentation/technical/racy-git.txt), and
 * nothing may be kept under it. "Just before" is counted to the moment before it was taken, never to a later one: a git
 * that runs for a while would make it look old. It is a second and a tick, or a quarter of a second for what bears a time
 * finer than a millisecond: there only the kernel's ticks are coarse, and a quarter is many of them, should they come late.
 *
 * Every loose ref is looked at by itself. A folder's own times tell of what is created, renamed and deleted in it, which
 * is all that git does to its refs; but `echo $id > refs/heads/main` rewrites a file in place and leaves its folder as
 * it was. The price is 2 to 3 µs for each loose ref, where git spends more than 10 on it, and 4 once, to read it.
 *
 * Objects never change, but they come and go: with gc, with a link to another disk, with those who lend them. A tag that is
 * missing is listed without what it stands for, and a pack cannot be made of what is missing. See objects-folder.ts.
 */
export type Fingerprint = {
  /** Whether all is as it was. */
  stands(): boolean
  /** What about this repository makes some answers differ from one time to the next. */
  readonly traits: ReadonlySet<Trait>
  /** What it takes up in memory, roughly. */
  readonly bytes: number
} & Disposable

/**
 * Something about a repository that makes a kind of reply differ although no file has changed: the id of `session-id` is
 * random, the nonce of a `push-certificate` contains the time, `alternates` show references of other repositories, and a
 * `promisor` may be asked for missing objects.
 */
export type Trait = 'session-id' | 'push-certificate' | 'alternates' | 'promisor'

/**
 * What an answer depends on: `config` is what capabilities do; `refs` is that, all references and which objects there are;
 * `pack` is what a fetch in protocol version 2 does, which may ask for any object there is (docs/design.md has a table).
 */
export type Scope = 'config' | 'refs' | 'pack'

/**
 * @param gitDir the real path of a git directory on a local file system
 * @param changedBefore milliseconds since 1970: the fingerprint is undefined if anything in it is not older
 * @param finelyChangedBefore the same for what bears a time that is finer than a millisecond
 * @returns undefined if answers from this repository are not to be kept
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
  // Refs of the repositories that are named there are shown as `.have` to whoever pushes.
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

/** What makes commits have other parents than they say, or says it for them. */
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
 * reftable.txt: all refs are in tables that never change, and `tables.list`, which is replaced, names them. Held open, its
 * inode number is nobody else's. A ref may stand for a file all the same, or for another work tree's.
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
  // Tags come with a pack by themselves; which branches there are it does not depend on.
  return files.look(`${gitDir}/refs`) === 'folder' && lookAtLooseRefs(gitDir, files, ['refs/tags', 'refs/replace'])
}

function isFileOrAbsent(kind: string): boolean {
  return kind === 'file' || kind === 'absent'
}

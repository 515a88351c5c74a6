import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { editConfig, editPackedRefs, hideRefs, looseRef, toggle, write } from './repository-edits.ts'
import type { SeededRandom } from '@sluice/shared/testing/seeded-random'

/** A bare repository with some commits and a tag, and random changes to its references. */
export class ChangingRepository implements Disposable {
  readonly gitDir: string
  readonly #folder: string
  readonly #random: SeededRandom
  readonly commits: readonly string[]
  /** A commit that `other.git` has, and that can be borrowed. */
  readonly lent: string
  #updater: ChildProcessWithoutNullStreams | undefined
  #saved: string | undefined

  private constructor(folder: string, random: SeededRandom, commits: readonly string[], lent: string) {
    this.gitDir = join(folder, 'r.git')
    this.#folder = folder
    this.#random = random
    this.commits = commits
    this.lent = lent
  }

  static async create(folder: string, random: SeededRandom): Promise<ChangingRepository> {
    await git(folder, ['init', '--quiet', '--bare', 'r.git'])
    await importHistory(join(folder, 'r.git'), 8)
    // Its history differs from the first one's, because gc relies on what an alternate has.
    await git(folder, ['init', '--quiet', '--bare', 'other.git'])
    const tree = await git(join(folder, 'other.git'), ['mktree'])
    const commit = await git(join(folder, 'other.git'), ['commit-tree', '-m', 'other', tree])
    await git(join(folder, 'other.git'), ['update-ref', 'refs/heads/main', commit])
    const commits = await git(join(folder, 'r.git'), ['rev-list', 'main'])
    return new ChangingRepository(folder, random, commits.split('\n'), commit)
  }

  [Symbol.dispose](): void {
    this.#updater?.kill()
  }

  /** @returns what was done, or what was tried, because git may have refused it */
  async change(): Promise<Change> {
    const change = this.#random.pick(lots)
    await this.#changes[change]()
    return change
  }

  readonly #changes: Record<Change, () => unknown> = {
    'transaction': () => this.#transaction(),
    'write ref in place': () => {
      const file = looseRef(this.gitDir, this.#random)
      if (file !== undefined) fs.writeFileSync(file, `${this.#commit()}\n`)
    },
    'delete loose ref': () => {
      const file = looseRef(this.gitDir, this.#random)
      if (file !== undefined) fs.rmSync(file)
    },
    'write ref': () => write(this.#path(this.#ref()), `${this.#commit()}\n`),
    'write symref': () => {
      // Rarely to a target that is no reference, because such a repository is not cached.
      const elsewhere = this.#random.chance(0.1) ? this.#random.pick(elsewheres) : undefined
      const target = elsewhere ?? this.#ref()
      write(this.#path('refs/heads/symbolic'), symbolicRef(target, this.#random))
    },
    'write FETCH_HEAD': () => write(this.#path('FETCH_HEAD'), `${this.#commit()}\t\tbranch 'main' of x\n`),
    'write what is no ref': () => write(this.#path(this.#random.pick(longNames)), `${this.#commit()}\n`),
    'edit packed-refs': () => editPackedRefs(this.gitDir, this.#commit(), this.#random),
    'save packed-refs': () => {
      if (fs.existsSync(this.#path('packed-refs'))) this.#saved = fs.readFileSync(this.#path('packed-refs'), 'utf8')
    },
    'restore packed-refs': () => {
      if (this.#saved !== undefined) fs.writeFileSync(this.#path('packed-refs'), this.#saved)
    },
    'write HEAD': () => write(this.#path('HEAD'), `ref: ${this.#ref()}\n`),
    'detach HEAD': () => write(this.#path('HEAD'), `${this.#commit()}\n`),
    'symbolic-ref HEAD': () => this.#git('symbolic-ref', 'HEAD', this.#ref()),
    'shallow': () => toggle(this.#path('shallow'), `${this.#commit()}\n`, this.#random),
    'config': () => editConfig(this.gitDir, join(this.#folder, 'included'), this.#random),
    'included config': () => write(join(this.#folder, 'included'), `${hideRefs(this.#random)}\n`),
    'work tree config': () => toggle(this.#path('config.worktree'), `${hideRefs(this.#random)}\n`, this.#random),
    'alternates': () =>
      toggle(this.#path('objects/info/alternates'), `${join(this.#folder, 'other.git/objects')}\n`, this.#random),
    'pack-refs': () => this.#git('pack-refs', ...this.#random.pick([['--all'], [], ['--all', '--no-prune']])),
    'gc': () => this.#git('gc', '--quiet'),
    'branch -M': () => this.#git('branch', '-M', this.#short(), this.#short()),
    'branch -D': () => this.#git('branch', '-D', this.#short()),
    'tag': () => this.#git('tag', '-f', '-a', '-m', `${this.#random.next()}`, this.#tag(), this.#commit()),
    'tag -d': () => this.#git('tag', '-d', this.#tag()),
    'worktree': async () => {
      const path = join(this.#folder, 'wt')
      if (fs.existsSync(path)) await this.#git('worktree', 'remove', '--force', path)
      else await this.#git('worktree', 'add', '--quiet', '--detach', path, this.#commit())
    },
    'work tree HEAD': () => {
      if (fs.existsSync(this.#path('worktrees/wt'))) write(this.#path('worktrees/wt/HEAD'), `${this.#commit()}\n`)
    },
  }

  /** One `git update-ref --stdin` does many of them, so that thousands cost few processes. */
  async #transaction(): Promise<void> {
    const commands = new Map<string, string>()
    for (let count = this.#random.pick([1, 1, 2, 4]); count > 0; count--) {
      const ref = this.#ref()
      commands.set(ref, this.#random.chance(0.25) ? `delete ${ref}` : `update ${ref} ${this.#commit()}`)
    }
    const updater = (this.#updater ??= startUpdater(this.gitDir))
    updater.stdin.write(['start', ...commands.values(), 'prepare', 'commit', ''].join('\n'))
    if (!(await says(updater, 'commit: ok'))) this.#updater = undefined
  }

  #git(...args: string[]) {
    return tryGit(this.gitDir, args)
  }

  #path(name: string): string {
    return join(this.gitDir, name)
  }

  #commit(): string {
    return this.#random.pick(this.commits)
  }

  /** There are few names, so that changes meet, and some are in each other's way. */
  #ref(): string {
    return this.#random.pick(['refs/heads/main', `refs/heads/${this.#short()}`, 'refs/notes/x', 'refs/tags/light'])
  }

  #short(): string {
    return this.#random.pick(['a', 'b', 'c', 'a/b', 'a/b/c', 'c/d'])
  }

  #tag(): string {
    return this.#random.pick(['v1', 'v2', 'v3/a'])
  }
}

/** How often each change is made, in proportion. Changes that cost processes are rarer. */
const weights = {
  'transaction': 40,
  'write ref in place': 20,
  'delete loose ref': 6,
  'write ref': 10,
  'write symref': 5,
  'write FETCH_HEAD': 5,
  'write what is no ref': 5,
  'edit packed-refs': 12,
  'save packed-refs': 2,
  'restore packed-refs': 4,
  'write HEAD': 5,
  'detach HEAD': 3,
  'symbolic-ref HEAD': 2,
  'shallow': 4,
  'config': 8,
  'included config': 4,
  'work tree config': 4,
  'alternates': 4,
  'pack-refs': 8,
  'gc': 1,
  'branch -M': 4,
  'branch -D': 3,
  'tag': 5,
  'tag -d': 2,
  'worktree': 2,
  'work tree HEAD': 3,
} as const satisfies Record<string, number>

export type Change = keyof typeof weights

const lots = (Object.keys(weights) as Change[]).flatMap((change) => Array<Change>(weights[change]).fill(change))

/** Together with `ref: `, one is as long as a SHA-1 hash, one as a SHA-256 hash. */
const longNames = ['A'.repeat(35), 'B'.repeat(59)]
const elsewheres = ['FETCH_HEAD', 'worktrees/wt/HEAD', ...longNames]

/** As git writes it, or made as long as a hash by blanks before or after it. */
function symbolicRef(target: string, random: SeededRandom): string {
  const blanks = Math.max(0, 35 - target.length)
  const [before, behind] = random.pick([
    [0, 0],
    [blanks, 0],
    [0, blanks],
  ] as const)
  return `ref: ${' '.repeat(before)}${target}${' '.repeat(behind)}\n`
}

function startUpdater(gitDir: string): ChildProcessWithoutNullStreams {
  const updater = spawn('git', ['update-ref', '--stdin'], { cwd: gitDir, stdio: 'pipe' })
  updater.stdin.on('error', () => {}) // It ends when it refuses a command.
  updater.stderr.resume()
  return updater
}

/** @returns false if the process ends before it has said so */
async function says(child: ChildProcessWithoutNullStreams, words: string): Promise<boolean> {
  const waiting = new AbortController()
  const { signal } = waiting
  const said = (async () => {
    for (let text = ''; !text.includes(words);) text += String((await once(child.stdout, 'data', { signal }))[0])
    return true
  })()
  const ended = once(child, 'close', { signal }).then(() => false)
  try {
    return await Promise.race([said, ended])
  } finally {
    waiting.abort()
    await Promise.allSettled([said, ended])
  }
}

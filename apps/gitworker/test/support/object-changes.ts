import * as fs from 'node:fs'
import { join } from 'node:path'
import { tryGit } from '@sluice/shared/testing/git'
import { attempt, looseRef, toggle } from './repository-edits.ts'
import type { SeededRandom } from '@sluice/shared/testing/seeded-random'

/** Random changes to a repository's objects, and to the files that change their history. */
export class ObjectChanges {
  readonly #folder: string
  readonly #random: SeededRandom
  readonly #commits: readonly string[]
  readonly #lent: string
  /** Files that were moved away, and may be put back. */
  readonly #aside: string
  #count = 0

  /**
   * @param folder holds `r.git`, which is changed, and `other.git`, from which it may borrow
   * @param its the commits of the first repository, and one of the second
   */
  constructor(folder: string, random: SeededRandom, its: { commits: readonly string[]; lent: string }) {
    this.#folder = folder
    this.#random = random
    this.#commits = its.commits
    this.#lent = its.lent
    this.#aside = join(folder, 'aside')
    // Objects that gc has removed there can be put back, too.
    const lent = join(folder, 'other.git/objects')
    fs.cpSync(lent, join(this.#aside, 'other.git/objects'), { recursive: true })
  }

  /** @returns what was done, or what was tried, because something may have been in the way */
  async change(): Promise<string> {
    const name = this.#random.pick(lots)
    await this.#changes[name]()
    return name
  }

  readonly #changes: Record<(typeof names)[number], () => unknown> = {
    'take a loose object away': () => this.#takeAway('r.git'),
    'take an object of the lender away': () => this.#takeAway('other.git'),
    'put all back': () => this.#putBack(),
    'replace objects': () => {
      const objects = this.#path('r.git/objects')
      fs.cpSync(objects, this.#path('copy'), { recursive: true, preserveTimestamps: true })
      fs.rmSync(objects, { recursive: true })
      fs.renameSync(this.#path('copy'), objects)
    },
    'grafts': () => {
      fs.mkdirSync(this.#path('r.git/info'), { recursive: true })
      toggle(this.#path('r.git/info/grafts'), `${this.#commit()}\n`, this.#random)
    },
    'replace': () => this.#git('replace', '-f', this.#commit(), this.#commit()),
    'replace -d': () => this.#git('replace', '-d', this.#commit()),
    'tag': () => this.#git('tag', '-a', '-m', `${this.#count}`, `extra-${this.#count++}`, this.#commit()),
    'borrow': () => {
      const text = this.#random.pick(['../../other.git/objects\n', `# lent\n${this.#path('other.git/objects')}/\n`])
      toggle(this.#path('r.git/objects/info/alternates'), text, this.#random)
    },
    'unpack': () => this.#unpack(),
    'repack': () => this.#git('repack', '-q', '-d', ...this.#random.pick([['-a'], ['-A'], ['-a', '-b'], []])),
    'prune': () => this.#git('gc', '--quiet', '--prune=now'),
    'multi-pack-index': () => this.#git('multi-pack-index', 'write'),
    'commit-graph': () => this.#git('commit-graph', 'write', '--reachable', ...this.#random.pick([[], ['--split']])),
    'gc of the lender': () => tryGit(this.#path('other.git'), ['gc', '--quiet', '--prune=now']),
    'refs of the lender': async () => {
      const args = this.#random.chance(0.5) ? ['-d', 'refs/heads/main'] : ['refs/heads/main', this.#lent]
      await tryGit(this.#path('other.git'), ['update-ref', ...args])
    },
  }

  #takeAway(repository: string): void {
    const objects = this.#path(`${repository}/objects`)
    const files = fs
      .readdirSync(objects, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^[0-9a-f]{2}\/|\.idx$/.test(name))
    if (files.length === 0) return
    // Usually a tag or a commit to which a reference points.
    const ref = looseRef(this.#path('r.git'), this.#random, this.#random.pick(['refs', 'refs/tags']))
    const target = ref === undefined ? '' : fs.readFileSync(ref, 'latin1').trim().replace(/^../, '$&/')
    const file = files.includes(target) && this.#random.chance(0.8) ? target : this.#random.pick(files)
    const kept = join(this.#aside, repository, 'objects', file)
    fs.mkdirSync(join(kept, '..'), { recursive: true })
    fs.renameSync(join(objects, file), kept)
  }

  #putBack(): void {
    for (const name of fs.readdirSync(this.#aside, { recursive: true, encoding: 'utf8' })) {
      const kept = join(this.#aside, name)
      if (!fs.statSync(kept).isFile()) continue
      attempt(() => fs.mkdirSync(join(this.#folder, name, '..'), { recursive: true }))
      const back = join(this.#folder, name)
      if (!fs.existsSync(back)) attempt(() => fs.cpSync(kept, back))
    }
  }

  /** Makes all packed objects loose. */
  async #unpack(): Promise<void> {
    const packs = this.#path('r.git/objects/pack')
    const pack = fs.readdirSync(packs).find((name) => name.endsWith('.pack'))
    if (pack === undefined) return
    const bytes = fs.readFileSync(join(packs, pack))
    for (const name of fs.readdirSync(packs)) if (fs.statSync(join(packs, name)).isFile()) fs.rmSync(join(packs, name))
    await tryGit(this.#path('r.git'), ['unpack-objects', '-q'], { input: bytes })
  }

  #git(...args: string[]) {
    return tryGit(this.#path('r.git'), args)
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  #commit(): string {
    return this.#random.pick(this.#commits)
  }
}

const names = [
  'take a loose object away',
  'take an object of the lender away',
  'put all back',
  'replace objects',
  'grafts',
  'replace',
  'replace -d',
  'tag',
  'borrow',
  'unpack',
  'repack',
  'prune',
  'multi-pack-index',
  'commit-graph',
  'gc of the lender',
  'refs of the lender',
] as const

/** Missing objects come back soon: without its objects, a repository gives no replies that could be shared. */
const lots = [
  ...names,
  ...Array<'put all back'>(8).fill('put all back'),
  ...Array<'borrow'>(4).fill('borrow'),
  ...Array<'take a loose object away'>(2).fill('take a loose object away'),
  ...Array<'take an object of the lender away'>(2).fill('take an object of the lender away'),
]

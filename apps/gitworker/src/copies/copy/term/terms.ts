import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@sluice/shared/placement/slot-record'
import { slotCount } from '@sluice/shared/placement/slot'
import { errnoOf } from '@sluice/shared/machine/errno'
import { copiesFolderName, termsFile } from '../../../cluster/member/disk-identity.ts'

/**
 * The newest term that this host has obeyed, for each slot. It never goes back, whatever the cluster's table says: so a
 * primary that was paused, and woke up in a cluster that has another one, changes nothing here.
 */
export class Terms {
  readonly #root: string
  readonly #folder: string
  readonly #terms: Map<number, number>
  #writing: Promise<void> = Promise.resolve()
  /** What comes while terms are written shares the next writing. */
  #next: Promise<void> | undefined
  #toSee = new Map<number, number>()

  /** @throws the file system's error; {Error} where the file is not from Sluice */
  static async open(root: string): Promise<Terms> {
    const folder = join(root, copiesFolderName)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return new Terms(root, folder, await readTerms(termsFile(root)))
  }

  private constructor(root: string, folder: string, terms: Map<number, number>) {
    this.#root = root
    this.#folder = folder
    this.#terms = terms
  }

  /** 0 where none was seen. */
  of(slot: number): number {
    return this.#terms.get(slot) ?? 0
  }

  /**
   * Remembers a term. Resolves when it is on the disk, at once where it was known.
   *
   * @returns whether it is not older than one that was seen
   * @throws the file system's error. Then the term counts as not seen
   */
  async see(slot: number, term: number): Promise<boolean> {
    await this.seeAll(new Map([[slot, term]]))
    return term === this.of(slot)
  }

  /** Remembers terms of many slots in one step, except for those that are older. @throws the file system's error */
  async seeAll(terms: ReadonlyMap<number, number>): Promise<void> {
    if (!this.#isNew(terms)) return
    for (const [slot, term] of terms) this.#toSee.set(slot, Math.max(term, this.#toSee.get(slot) ?? 0))
    this.#next ??= this.#writing.then(() => this.#writeNext())
    this.#writing = this.#next.catch(() => {})
    await this.#next
  }

  #isNew(terms: ReadonlyMap<number, number>): boolean {
    return terms.entries().some(([slot, term]) => term > this.of(slot))
  }

  async #writeNext(): Promise<void> {
    const seen = this.#toSee
    this.#toSee = new Map()
    this.#next = undefined
    await this.#write(seen)
  }

  async #write(seen: ReadonlyMap<number, number>): Promise<void> {
    if (!this.#isNew(seen)) return
    const terms = new Map(this.#terms)
    for (const [slot, term] of seen) terms.set(slot, Math.max(term, this.of(slot)))
    const path = termsFile(this.#root)
    const unfinished = `${path}.new`
    try {
      await using file = await open(unfinished, 'w', 0o600)
      await file.writeFile(JSON.stringify(Object.fromEntries(terms)))
      await file.sync()
      await rename(unfinished, path)
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {})
      throw error
    }
    await using folder = await open(this.#folder, 'r')
    await folder.sync()
    for (const [slot, term] of terms) this.#terms.set(slot, term)
  }
}

async function readTerms(path: string): Promise<Map<number, number>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '{}'
    throw error
  })
  const terms = new Map<number, number>()
  for (const [slot, term] of Object.entries((parseJson(text) ?? { damaged: true }) as Record<string, unknown>)) {
    if (!/^\d{1,4}$/.test(slot) || Number(slot) >= slotCount || !Number.isSafeInteger(term) || Number(term) <= 0) {
      throw new Error(`${path} is damaged. Take this host out of the cluster, and remove the file.`)
    }
    terms.set(Number(slot), Number(term))
  }
  return terms
}

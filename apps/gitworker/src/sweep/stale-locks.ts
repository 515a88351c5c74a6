import { join } from 'node:path'
import { removeStalePackedRefs } from './packed-refs.ts'
import { leftoversOfPushes, locksIn, removeFromBeforeBoot } from './power-loss.ts'
import { isRefName } from '../git/ref-name.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * Removes files that would make a push fail and that nobody owns: locks that a power loss has left, and a
 * `packed-refs.new`. Nothing is searched for. Each push looks at the few files that its own git is going to need, which
 * costs microseconds. The first push to a repository since the start also looks at quarantines and `.keep` files, which
 * only take up disk space.
 */

/** When there are more, all repositories are looked through again. */
const maxKnown = 10_000

export class StaleLocks {
  readonly #isShared: boolean
  /** The repositories that have been looked through since the start. */
  readonly #known = new Set<string>()

  /** @param isShared whether other machines write to the repositories, too: then nothing is proven by this machine's start */
  constructor({ isShared }: { readonly isShared: boolean }) {
    this.#isShared = isShared
  }

  /**
   * Removes files that would make a push fail and that are proven to have no owner. Never fails: git reports a file
   * that is still there.
   *
   * @param commands the first of the push's
   * @returns the paths of what was removed, if anything was
   */
  async remove(gitDir: string, commands: readonly { readonly ref: string }[]): Promise<string[] | undefined> {
    try {
      const commonDir = commonDirOf(gitDir)
      const removed = this.#isShared ? [] : await this.#removeFromBeforeBoot(gitDir, commonDir, commands)
      // It takes packed-refs.lock, which may only now be free.
      removed.push(...removeStalePackedRefs(commonDir))
      return removed.length === 0 ? undefined : removed
    } catch {
      return undefined
    }
  }

  async #removeFromBeforeBoot(
    gitDir: string,
    commonDir: string,
    commands: readonly { readonly ref: string }[],
  ): Promise<string[]> {
    const refs = commands.map(({ ref }) => ref).filter(isRefName)
    return await removeFromBeforeBoot(gitDir, [
      ...locksIn(gitDir, commonDir),
      ...refs.map((ref) => join(commonDir, `${ref}.lock`)),
      ...(this.#isKnown(gitDir) ? [] : await leftoversOfPushes(commonDir)),
    ])
  }

  #isKnown(gitDir: string): boolean {
    if (this.#known.has(gitDir)) return true
    if (this.#known.size >= maxKnown) this.#known.clear()
    this.#known.add(gitDir)
    return false
  }
}

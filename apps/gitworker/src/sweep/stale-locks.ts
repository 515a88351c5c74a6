import { join } from 'node:path'
import { freePackedRefs } from './packed-refs.ts'
import { ownLocks, remainsOfPushes, removeFromBeforeBoot, sharedLocks } from './power-loss.ts'
import type { PushCommand } from '../push/push-commands.ts'
import { isRefName } from '../push/ref-target.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * What stands in a push's way and is nobody's: locks that a power loss has left, and a `packed-refs.new`. Nothing is searched
 * for. Each push looks at the few files that its own git is going to need, which costs microseconds; and the first one to
 * a repository since the start also at quarantines and `.keep` files, which only take up disk space.
 */

/** When there are more, all are looked at again. */
const maxKnown = 10_000

export class WayClearer {
  /** The repositories that have been looked through. */
  readonly #known = new Set<string>()

  /**
   * Removes what stands in a push's way and is proven to be nobody's. Never fails: git will say what is still there.
   *
   * @param commands the push's, as many as are looked after
   * @returns the paths of what was removed, if anything was
   */
  async clear(gitDir: string, commands: readonly PushCommand[]): Promise<string[] | undefined> {
    try {
      const commonDir = commonDirOf(gitDir)
      const refs = commands.map(({ ref }) => ref).filter(isRefName)
      const removed = await removeFromBeforeBoot(gitDir, [
        ...ownLocks.map((name) => join(gitDir, name)),
        ...sharedLocks.map((name) => join(commonDir, name)),
        ...refs.map((ref) => join(commonDir, `${ref}.lock`)),
        ...(this.#isKnown(gitDir) ? [] : await remainsOfPushes(commonDir)),
      ])
      // A lock from before the boot is out of the way only now.
      removed.push(...freePackedRefs(commonDir))
      return removed.length === 0 ? undefined : removed
    } catch {
      return undefined
    }
  }

  #isKnown(gitDir: string): boolean {
    if (this.#known.has(gitDir)) return true
    if (this.#known.size >= maxKnown) this.#known.clear()
    this.#known.add(gitDir)
    return false
  }
}

import { plainName } from '@sluice/shared/git/repository-name'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { slotOf } from '@sluice/shared/placement/slot'

/** The plain names of a host's repositories, by slot. */
export type NamesBySlot = ReadonlyMap<number, readonly string[]>

/** @param onUnreadable called with the path of a folder in which there may be more */
export type WalkRepositories = (
  onUnreadable: (path: string, error: unknown) => void,
) => AsyncIterable<{ readonly name: string }>

/** It is not known which repositories there are: nothing may be taken for absent. */
export class IncompleteWalkError extends Error {
  override readonly name = 'IncompleteWalkError'
}

/**
 * Which repositories this host has, by slot. One walk of the root serves all who wait for one, however many slots they ask
 * for:
 *
 *   idle ──read──▶ a walk ──read──▶ a walk, and the next one waits ──over──▶ a walk
 *     ▲               │ over
 *     └───────────────┘
 */
export class SlotNames {
  readonly #walkRepositories: WalkRepositories
  #current: Promise<NamesBySlot> | undefined
  #next: Promise<NamesBySlot> | undefined

  constructor(walkRepositories: WalkRepositories) {
    this.#walkRepositories = walkRepositories
  }

  /**
   * By a walk that begins no sooner than now. What is made, renamed or removed meanwhile may be there or not.
   *
   * @throws {IncompleteWalkError} where a folder cannot be read
   */
  async read(): Promise<NamesBySlot> {
    return await (this.#next ??= this.#after(this.#current))
  }

  async #after(current: Promise<NamesBySlot> | undefined): Promise<NamesBySlot> {
    await current?.catch(() => {})
    this.#next = undefined
    const walk = this.#walk()
    this.#current = walk
    try {
      return await walk
    } finally {
      if (this.#current === walk) this.#current = undefined
    }
  }

  async #walk(): Promise<NamesBySlot> {
    let problem: IncompleteWalkError | undefined
    const repositories = this.#walkRepositories((path, cause) => {
      problem ??= new IncompleteWalkError(`${path} cannot be read, so nobody knows which repositories there are.`, {
        cause,
      })
    })
    const names = new Map<number, string[]>()
    const turn = new LoopTurn()
    for await (const { name } of repositories) {
      await turn.letOthers()
      // One in the shadow of another with the same plain name: no other host can be told of it.
      if (plainName(name) !== name) continue
      const slot = slotOf(name)
      const others = names.get(slot)
      if (others) others.push(name)
      else names.set(slot, [name])
    }
    if (problem) throw problem
    return names
  }
}
